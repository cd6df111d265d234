package dev.firesteel.format.gguf;

import dev.firesteel.array.Shape;
import dev.firesteel.chat.ChatTemplate;
import dev.firesteel.config.ModelConfig;
import dev.firesteel.error.UserException;
import dev.firesteel.files.HadoopFiles;
import dev.firesteel.format.huggingface.ModelCheck;
import dev.firesteel.format.huggingface.PublishedModel;
import dev.firesteel.format.huggingface.TensorCheck;
import dev.firesteel.format.safetensors.Safetensors;
import dev.firesteel.format.safetensors.TensorSource;
import dev.firesteel.tokenizer.DocumentTokens;
import dev.firesteel.tokenizer.Tokenizer;
import java.io.IOException;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalInt;
import java.util.Set;
import java.util.function.Consumer;
import org.apache.hadoop.fs.FileSystem;
import org.apache.hadoop.fs.Path;

/** Reads a model from a GGUF file as a {@link PublishedModel}. */
public final class GgufSource {
  private GgufSource() {}

  /**
   * Opens a file; its tensors are read when they are written elsewhere.
   *
   * @param notices receives a line about what is left out, if anything is
   * @throws UserException if the file is malformed, or its model is not one that we have, or its
   *     tensors are not those of its metadata, all of which are then listed
   */
  public static PublishedModel open(FileSystem fs, Path path, Consumer<String> notices) {
    try {
      GgufFile file = GgufFile.open(fs, path);
      try {
        return model(file, notices);
      } catch (IOException | RuntimeException e) {
        file.close();
        throw e;
      }
    } catch (IOException e) {
      throw HadoopFiles.explain("reading " + path, e);
    }
  }

  private static PublishedModel model(GgufFile file, Consumer<String> notices) throws IOException {
    if (file.tensors().containsKey(GgufRanking.HEAD)) {
      throw UserException.usage(
          "%s must be a language model, got a model that ranks (%s): import the Hugging Face directory of the reward model"
              .formatted(file, GgufRanking.HEAD));
    }
    ModelConfig config = GgufMetadata.read(file);
    if (!config.tieEmbeddings() && hasCopiedHead(file)) {
      config = config.toBuilder().tieEmbeddings(true).build();
    }
    Map<String, Shape> got = new LinkedHashMap<>();
    file.tensors().forEach((name, tensor) -> got.put(name, tensor.shape()));
    List<GgufNames.Entry> entries =
        GgufNames.entries(
            config, ModelCheck.declared("the metadata of " + file, config, false, got.values()));
    Map<String, Shape> wanted = new LinkedHashMap<>();
    entries.forEach(entry -> wanted.put(entry.name(), entry.shape()));
    boolean tied = config.tieEmbeddings();
    TensorCheck.require(
        file.toString(),
        wanted,
        got,
        (name, shape) ->
            name.equals(GgufMetadata.FREQUENCY_DIVISORS) || (tied && name.equals(GgufNames.HEAD)));
    if (tied && got.containsKey(GgufNames.HEAD) && !hasCopiedHead(file)) {
      throw UserException.failure(
          "tensor %s of %s must equal %s, to which the model ties it, and does not: the file is damaged"
              .formatted(GgufNames.HEAD, file, GgufNames.EMBEDDING));
    }
    List<TensorSource> tensors = new ArrayList<>();
    for (GgufNames.Entry entry : entries) {
      file.requireNumbers(entry.name());
      tensors.add(new Stored(entry, file));
    }
    Tokenizer tokenizer = GgufTokenizer.read(file);
    if (tokenizer.vocabularySize() > config.vocabularySize()) {
      throw UserException.failure(
          "the embedding of %s must have a row for each of the %d tokens, got %d: the file is damaged"
              .formatted(file, tokenizer.vocabularySize(), config.vocabularySize()));
    }
    Optional<ChatTemplate> template =
        file.text(GgufTokenizer.TEMPLATE)
            .map(source -> ChatTemplate.of(file + " (" + GgufTokenizer.TEMPLATE + ")", source));
    Set<GgmlType> types = new LinkedHashSet<>();
    file.tensors().values().forEach(tensor -> types.add(tensor.type()));
    types.remove(GgmlType.F32);
    if (!types.isEmpty()) {
      notices.accept("%s has weights of %s: they become float32".formatted(file, types));
    }
    return new PublishedModel(
        config,
        false,
        tensors,
        tokenizer,
        documents(file, tokenizer),
        template,
        PublishedModel.SAMPLING,
        file::close);
  }

  private static DocumentTokens documents(GgufFile file, Tokenizer tokenizer) {
    Set<Integer> ends = new LinkedHashSet<>();
    tokenizer.endOfText().ifPresent(ends::add);
    for (String key : List.of("eos_token_id", "eot_token_id")) {
      file.integer(GgufTokenizer.PREFIX + key).ifPresent(ends::add);
    }
    ends.removeIf(id -> id >= tokenizer.vocabularySize());
    OptionalInt start =
        file.integer(GgufTokenizer.PREFIX + "bos_token_id")
            .filter(id -> id < tokenizer.vocabularySize())
            .map(OptionalInt::of)
            .orElse(tokenizer.endOfText());
    return new DocumentTokens(start, ends);
  }

  /** Whether there is a head of the embedding's type, shape and bits: it is then tied. */
  private static boolean hasCopiedHead(GgufFile file) throws IOException {
    GgufTensor head = file.tensors().get(GgufNames.HEAD);
    GgufTensor embedding = file.tensors().get(GgufNames.EMBEDDING);
    if (head == null
        || embedding == null
        || head.type() != embedding.type()
        || !head.shape().equals(embedding.shape())) {
      return false;
    }
    float[] one = new float[(int) Math.min(Safetensors.BUFFER_ELEMENTS, head.shape().size())];
    float[] other = new float[one.length];
    for (long from = 0; from < head.shape().size(); from += one.length) {
      int count = (int) Math.min(one.length, head.shape().size() - from);
      file.read(GgufNames.HEAD, from, one, count);
      file.read(GgufNames.EMBEDDING, from, other, count);
      if (!Arrays.equals(one, 0, count, other, 0, count)) {
        return false;
      }
    }
    return true;
  }

  /** A tensor of the file as the Hugging Face tensor that it is. */
  private static final class Stored implements TensorSource {
    private final GgufNames.Entry entry;
    private final GgufFile file;
    private final Shape shape;
    private float[] values; // while it is read, if it is in another order

    Stored(GgufNames.Entry entry, GgufFile file) {
      this.entry = entry;
      this.file = file;
      this.shape =
          entry.layout() == GgufNames.Layout.TRANSPOSED
              ? Shape.of(entry.shape().dim(1), entry.shape().dim(0))
              : entry.shape();
    }

    @Override
    public String name() {
      return entry.published();
    }

    @Override
    public Shape shape() {
      return shape;
    }

    @Override
    public void read(long from, float[] into, int count) {
      try {
        if (entry.layout() == GgufNames.Layout.SAME) {
          file.read(entry.name(), from, into, count);
          return;
        }
        if (values == null) {
          float[] stored = new float[Math.toIntExact(shape.size())];
          file.read(entry.name(), 0, stored, stored.length);
          values = new float[stored.length];
          entry.toPublished(stored, values);
        }
      } catch (IOException e) {
        throw HadoopFiles.explain("reading the tensor %s of %s".formatted(entry.name(), file), e);
      }
      System.arraycopy(values, Math.toIntExact(from), into, 0, count);
      if (from + count == values.length) {
        values = null;
      }
    }
  }
}
