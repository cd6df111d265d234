package dev.firesteel.format.huggingface;

import com.fasterxml.jackson.databind.JsonNode;
import dev.firesteel.array.Shape;
import dev.firesteel.backend.Backend;
import dev.firesteel.chat.ChatTemplate;
import dev.firesteel.config.ModelConfig;
import dev.firesteel.config.SampleConfig;
import dev.firesteel.files.HadoopFiles;
import dev.firesteel.format.safetensors.TensorSource;
import dev.firesteel.model.LanguageModel;
import dev.firesteel.model.Models;
import dev.firesteel.model.ScoredModel;
import dev.firesteel.nn.Projections;
import dev.firesteel.tokenizer.DocumentTokens;
import dev.firesteel.tokenizer.Tokenizer;
import java.io.IOException;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.TreeSet;
import java.util.function.Consumer;
import org.apache.hadoop.fs.FileSystem;
import org.apache.hadoop.fs.Path;

/**
 * A model on its way from one format to another: what a Hugging Face directory says of it, and its
 * tensors by the names of {@link HuggingFaceNames}, which are read from where it is stored when
 * they are written, so that no more than one of them is in memory.
 *
 * @param config with rotary positions in rotate-half order
 * @param reward whether it gives a score instead of a next token
 * @param tensors in the order of the network
 * @param tokenizer of its texts
 * @param documents which of its tokens begin and end a document
 * @param template that its conversations are written with
 * @param sampling how it is sampled by default
 * @param source closes the files that the tensors are read from
 */
public record PublishedModel(
    ModelConfig config,
    boolean reward,
    List<TensorSource> tensors,
    Tokenizer tokenizer,
    DocumentTokens documents,
    Optional<ChatTemplate> template,
    SampleConfig sampling,
    Source source)
    implements AutoCloseable {

  /** Default sampling of a model whose files say nothing of it. */
  public static final SampleConfig SAMPLING = new SampleConfig("", 0, 200, 0.8, 0, 1);

  /** Files that are open. */
  @FunctionalInterface
  public interface Source {
    /** Closes them. */
    void close() throws IOException;
  }

  /**
   * Opens a Hugging Face directory, as each checkpoint is one. A model with adapters is read into
   * memory and merged; of any other one the tensors stay in its files.
   *
   * @param backend holds a model with adapters
   * @param notices receives a line about heads and tensors that are left out, if there are any
   * @throws dev.firesteel.error.UserException if there is none, or one that is not supported, or
   *     its tensors are not those of its configuration, all of which are then listed
   */
  public static PublishedModel open(
      FileSystem fs, Path directory, Backend backend, Consumer<String> notices) {
    try {
      JsonNode json = ModelDirectory.configJson(fs, directory);
      ModelConfig config = HuggingFaceConfig.read(json);
      boolean reward = HuggingFaceConfig.isClassifier(json);
      Tokenizer tokenizer = ModelDirectory.readTokenizer(fs, directory);
      DocumentTokens documents = TokenizerFiles.documentTokens(fs, directory, tokenizer);
      Optional<ChatTemplate> template = ChatTemplateFiles.read(fs, directory);
      SampleConfig sampling = TokenizerFiles.sampling(fs, directory);
      if (OtherParameters.adapters(fs, directory).isPresent()) {
        LanguageModel merged =
            reward
                ? ModelDirectory.readReward(fs, directory, backend, notices).backbone()
                : ModelDirectory.read(fs, directory, backend, notices);
        return new PublishedModel(
            config,
            reward,
            List.copyOf(ModelDirectory.tensors(merged, merged.parameters().weights())),
            tokenizer,
            documents,
            template,
            sampling,
            merged::close);
      }
      ModelTensors files = ModelTensors.open(fs, directory);
      try {
        List<TensorSource> tensors = checked(directory, json, config, reward, files, notices);
        ModelDirectory.ignoreHeads(fs, directory, notices);
        return new PublishedModel(
            config, reward, tensors, tokenizer, documents, template, sampling, files::close);
      } catch (IOException | RuntimeException e) {
        files.close();
        throw e;
      }
    } catch (IOException e) {
      throw HadoopFiles.explain("reading the model in " + directory, e);
    }
  }

  private static List<TensorSource> checked(
      Path directory,
      JsonNode json,
      ModelConfig config,
      boolean reward,
      ModelTensors files,
      Consumer<String> notices)
      throws IOException {
    PublishedNames names = new PublishedNames(config, files.names());
    Map<String, Shape> wanted = new LinkedHashMap<>();
    List<HuggingFaceTensor> declared = ModelCheck.declared(directory, config, reward, files);
    for (HuggingFaceTensor tensor : declared) {
      wanted.put(names.stored(tensor.name()), tensor.shape());
    }
    Map<String, Shape> got = new LinkedHashMap<>();
    files.names().forEach(name -> got.put(name, files.shape(name)));
    TensorCheck.require(
        "the model in " + directory,
        wanted,
        got,
        (name, shape) -> name.equals(PublishedNames.HEAD) || names.buffer(name, shape).isPresent());
    for (Map.Entry<String, Shape> each : wanted.entrySet()) {
      files.require(each.getKey(), each.getValue()); // an element type that can be read
    }
    Set<String> more = new TreeSet<>(files.names());
    more.removeAll(wanted.keySet());
    String ignored =
        ModelDirectory.ignored(
            directory,
            files,
            more,
            declared.get(0),
            names,
            HuggingFaceConfig.read(json).tieEmbeddings());
    if (!ignored.isEmpty()) {
      notices.accept("Ignored in %s: %s".formatted(directory, ignored));
    }
    return declared.stream()
        .<TensorSource>map(
            tensor -> new Stored(tensor.name(), names.stored(tensor.name()), tensor.shape(), files))
        .toList();
  }

  /**
   * The tensors of a model of a configuration, without memory. The sizes must be those of a model
   * that there is; {@link ModelCheck#declared} is for those that a file says.
   */
  public static List<HuggingFaceTensor> declared(ModelConfig config, boolean reward) {
    try (LanguageModel model =
        reward
            ? ScoredModel.reward(config, Projections.DENSE).backbone()
            : Models.declare(config)) {
      return HuggingFaceNames.tensors(model);
    }
  }

  /** Whether a tensor has a row for each token: the embedding, or a head of its own. */
  public static boolean isPerToken(String name) {
    return name.equals(PublishedNames.HEAD)
        || name.equals("transformer.wte.weight")
        || name.equals("model.embed_tokens.weight");
  }

  /** The number of parameters in all tensors. */
  public long elements() {
    return tensors.stream().mapToLong(tensor -> tensor.shape().size()).sum();
  }

  /** The same model with tensors that are read in another way. */
  public PublishedModel with(List<TensorSource> changed) {
    return with(config, changed);
  }

  /** The same model with other tensors and sizes. */
  public PublishedModel with(ModelConfig other, List<TensorSource> changed) {
    return new PublishedModel(
        other, reward, changed, tokenizer, documents, template, sampling, source);
  }

  @Override
  public void close() throws IOException {
    source.close();
  }

  /** A tensor in the files of a directory. */
  private record Stored(String name, String stored, Shape shape, ModelTensors files)
      implements TensorSource {
    @Override
    public void read(long from, float[] into, int count) {
      try {
        files.read(stored, from, into, count);
      } catch (IOException e) {
        throw HadoopFiles.explain("reading the tensor " + stored, e);
      }
    }
  }
}
