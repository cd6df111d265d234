package dev.firesteel.format.gguf;

import dev.firesteel.array.Shape;
import dev.firesteel.config.ModelConfig;
import dev.firesteel.config.ModelConfig.Architecture;
import dev.firesteel.format.huggingface.PublishedModel;
import dev.firesteel.format.huggingface.PublishedNames;
import dev.firesteel.format.safetensors.TensorSource;
import java.io.IOException;
import java.io.OutputStream;
import java.util.ArrayList;
import java.util.EnumMap;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.function.Consumer;

/**
 * Writes a model as a GGUF file that llama.cpp loads: {@code gpt2}, {@code llama} (Mistral, too),
 * {@code qwen2} or {@code qwen3}. Reward models are {@link GgufRanking ranking models} there.
 *
 * <p>Norms, biases and learned positions stay F32, as llama.cpp's own converter has them; {@link
 * GgufEncoding} says of which types matrices are.
 */
public final class GgufExport {
  private static final int QUANTIZATION_VERSION = 2;

  private GgufExport() {}

  /**
   * Writes the file to a stream, which is left open: of each tensor a buffer at a time, or all of
   * it if its elements are in another order there.
   *
   * @param name what the model is called, for people
   * @param license SPDX identifier; empty if it is not known
   * @param notices receives a line about what llama.cpp does otherwise, and each matrix of another
   *     type
   * @throws dev.firesteel.error.UserException if llama.cpp would compute another model, or a value
   *     is too large for the type
   */
  public static void write(
      PublishedModel model,
      GgufEncoding encoding,
      String name,
      String license,
      OutputStream out,
      Consumer<String> notices)
      throws IOException {
    if (model.reward()) {
      GgufRanking.requireExpressible(model.config());
      notices.accept("llama.cpp gives sigmoid(score) instead of the score");
    }
    GgufMetadata.requireExpressible(model.config());
    if (GgufMetadata.contextLength(model.config()) < model.config().contextLength()) {
      notices.accept(
          "llama.cpp computes no sliding window for llama: the file has the context of the window, %d tokens of %d"
              .formatted(
                  GgufMetadata.contextLength(model.config()), model.config().contextLength()));
    }
    List<TensorSource> tensors = tensors(model);
    Map<String, GgmlType> types = types(model.config(), tensors, encoding, notices);
    Map<String, GgufValue> metadata = new LinkedHashMap<>();
    metadata.putAll(GgufMetadata.write(model.config()));
    metadata.put("general.type", GgufValue.text("model"));
    metadata.put("general.name", GgufValue.text(name));
    metadata.put("general.basename", GgufValue.text(GgufFileName.baseName(name)));
    metadata.put("general.size_label", GgufValue.text(GgufFileName.sizeLabel(model.elements())));
    if (!license.isEmpty()) {
      metadata.put("general.license", GgufValue.text(license));
    }
    metadata.put("general.file_type", GgufValue.number(encoding.fileType()));
    metadata.put("general.quantization_version", GgufValue.number(QUANTIZATION_VERSION));
    metadata.putAll(
        GgufTokenizer.write(
            model.tokenizer(), model.documents(), model.config().vocabularySize(), notices));
    if (model.reward()) {
      metadata.putAll(GgufRanking.write(model));
    }
    model
        .template()
        .ifPresent(
            template -> metadata.put(GgufTokenizer.TEMPLATE, GgufValue.text(template.source())));
    Gguf.write(metadata, tensors, tensor -> types.get(tensor.name()), out);
  }

  private static List<TensorSource> tensors(PublishedModel model) {
    Map<String, TensorSource> published = new HashMap<>();
    model.tensors().forEach(tensor -> published.put(tensor.name(), tensor));
    List<TensorSource> tensors = new ArrayList<>();
    for (GgufNames.Entry entry :
        GgufNames.entries(
            model.config(), PublishedModel.declared(model.config(), model.reward()))) {
      tensors.add(new Reordered(entry, published.get(entry.published())));
      if (entry.name().equals(GgufNames.EMBEDDING)
          && model.config().architecture() == Architecture.GPT2
          && model.config().tieEmbeddings()) {
        // Present versions of llama.cpp take the embedding; those of 2025 need the tensor.
        GgufNames.Entry head =
            new GgufNames.Entry(
                GgufNames.HEAD, entry.published(), entry.shape(), GgufNames.Layout.SAME, 0);
        tensors.add(new Reordered(head, published.get(entry.published())));
      }
    }
    if (model.reward()) {
      tensors.add(GgufRanking.head(published.get(PublishedNames.REWARD_HEAD)));
    }
    GgufMetadata.frequencyDivisors(model.config())
        .ifPresent(divisors -> tensors.add(new Values(GgufMetadata.FREQUENCY_DIVISORS, divisors)));
    return tensors;
  }

  private static Map<String, GgmlType> types(
      ModelConfig config,
      List<TensorSource> tensors,
      GgufEncoding encoding,
      Consumer<String> notices) {
    Map<String, GgmlType> types = new HashMap<>();
    Map<GgmlType, Integer> others = new EnumMap<>(GgmlType.class);
    for (TensorSource tensor : tensors) {
      if (tensor.shape().rank() != 2
          || tensor.name().startsWith("position_embd")
          || tensor.name().equals(GgufRanking.HEAD)) {
        types.put(tensor.name(), GgmlType.F32);
        continue;
      }
      GgmlType wanted = encoding.wanted(tensor.name(), config.layers(), config.tieEmbeddings());
      GgmlType fitting = GgufEncoding.fitting(wanted, tensor.shape().last());
      if (fitting != wanted) {
        others.merge(fitting, 1, Integer::sum);
      }
      types.put(tensor.name(), fitting);
    }
    others.forEach(
        (type, count) ->
            notices.accept(
                String.format(
                    Locale.ROOT,
                    "%d matrices are %s, since their rows are not whole blocks of %s (width %d, feed-forward width %d)",
                    count,
                    type,
                    encoding,
                    config.width(),
                    config.feedForwardWidth())));
    return types;
  }

  /** A tensor that is a published one with its elements in another order, or in the same. */
  private static final class Reordered implements TensorSource {
    private final GgufNames.Entry entry;
    private final TensorSource published;
    private float[] values; // while it is read

    Reordered(GgufNames.Entry entry, TensorSource published) {
      this.entry = entry;
      this.published = published;
    }

    @Override
    public String name() {
      return entry.name();
    }

    @Override
    public Shape shape() {
      return entry.shape();
    }

    @Override
    public void read(long from, float[] into, int count) {
      if (entry.layout() == GgufNames.Layout.SAME) {
        published.read(from, into, count);
        return;
      }
      if (values == null) {
        float[] theirs = new float[Math.toIntExact(shape().size())];
        published.read(0, theirs, theirs.length);
        values = new float[theirs.length];
        entry.fromPublished(theirs, values);
      }
      System.arraycopy(values, Math.toIntExact(from), into, 0, count);
      if (from + count == values.length) {
        values = null;
      }
    }
  }

  /** A tensor of one dimension in memory. */
  private static final class Values implements TensorSource {
    private final String name;
    private final float[] values;

    Values(String name, float[] values) {
      this.name = name;
      this.values = values;
    }

    @Override
    public String name() {
      return name;
    }

    @Override
    public Shape shape() {
      return Shape.of(values.length);
    }

    @Override
    public void read(long from, float[] into, int count) {
      System.arraycopy(values, Math.toIntExact(from), into, 0, count);
    }
  }
}
