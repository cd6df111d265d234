package dev.firesteel.format.huggingface;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.firesteel.array.DType;
import dev.firesteel.array.Shape;
import dev.firesteel.backend.Backend;
import dev.firesteel.chat.ChatTemplate;
import dev.firesteel.chat.ChatTokens;
import dev.firesteel.checkpoint.CheckpointWriter;
import dev.firesteel.config.ModelConfig;
import dev.firesteel.config.SampleConfig;
import dev.firesteel.error.UserException;
import dev.firesteel.files.HadoopFiles;
import dev.firesteel.format.safetensors.FloatType;
import dev.firesteel.format.safetensors.Safetensors;
import dev.firesteel.model.LanguageModel;
import dev.firesteel.model.Models;
import dev.firesteel.model.ScoredModel;
import dev.firesteel.nn.Lora;
import dev.firesteel.nn.ParameterSet;
import dev.firesteel.nn.Projections;
import dev.firesteel.nn.Segment;
import dev.firesteel.tokenizer.DocumentTokens;
import dev.firesteel.tokenizer.Tokenizer;
import java.io.FileNotFoundException;
import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalInt;
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.function.Consumer;
import java.util.stream.Collectors;
import org.apache.hadoop.fs.FileSystem;
import org.apache.hadoop.fs.Path;

/**
 * A Hugging Face model directory, as in each checkpoint: {@code config.json}, {@code
 * model.safetensors} (or several files and an index), {@code tokenizer.json}, {@code
 * tokenizer_config.json}, {@code generation_config.json}. The weights of a checkpoint are stored
 * bit for bit as in memory; those that the format has no name for, such as heads and adapters, in
 * {@code firesteel/parameters.safetensors}, where only this class looks for them.
 */
public final class ModelDirectory {
  public static final String CONFIG = "config.json";

  /** The tokenizer's file. */
  public static final String TOKENIZER = TokenizerFiles.TOKENIZER;

  private ModelDirectory() {}

  /** Writes a model's files; {@code sampling} becomes the default for generating with it. */
  public static void write(
      CheckpointWriter writer, LanguageModel model, Tokenizer tokenizer, SampleConfig sampling)
      throws IOException {
    write(writer, model, model.parameters().weights(), tokenizer, sampling);
  }

  /** As above, with the weights of a segment instead of the model's own. */
  public static void write(
      CheckpointWriter writer,
      LanguageModel model,
      Segment weights,
      Tokenizer tokenizer,
      SampleConfig sampling)
      throws IOException {
    write(writer, model, weights, FloatType.F32, tokenizer, Optional.empty(), sampling);
  }

  /** As above, of a model that was trained with a chat template. */
  public static void write(
      CheckpointWriter writer,
      LanguageModel model,
      Segment weights,
      Tokenizer tokenizer,
      Optional<ChatTemplate> template,
      SampleConfig sampling)
      throws IOException {
    write(writer, model, weights, FloatType.F32, tokenizer, template, sampling);
  }

  /**
   * As above, with weights of another type, rounded to nearest.
   *
   * @throws UserException naming the tensor and the value, if a weight is too large for the type
   */
  public static void write(
      CheckpointWriter writer,
      LanguageModel model,
      Segment weights,
      FloatType dtype,
      Tokenizer tokenizer,
      Optional<ChatTemplate> template,
      SampleConfig sampling)
      throws IOException {
    ModelTensors.write(writer, tensors(model, weights), dtype, ModelTensors.MAX_FILE_BYTES);
    OtherParameters.write(writer, model, weights);
    writeTexts(
        writer,
        model.config(),
        model.parameters().contains(ScoredModel.REWARD_HEAD + ".weight"),
        dtype,
        tokenizer,
        DocumentTokens.of(tokenizer),
        template.isPresent()
            ? ChatTokens.of(template.get(), tokenizer).endTokens()
            : DocumentTokens.of(tokenizer).ends(),
        template,
        sampling);
  }

  /**
   * Writes a model that is published: without heads and adapters beside its weights, which are read
   * one at a time.
   *
   * @param maxFileBytes of tensors in one file
   * @throws UserException naming the tensor and the value, if a weight is too large for the type
   */
  public static void write(
      CheckpointWriter writer, PublishedModel model, FloatType dtype, long maxFileBytes)
      throws IOException {
    ModelTensors.write(writer, model.tensors(), dtype, maxFileBytes);
    writeTexts(
        writer,
        model.config(),
        model.reward(),
        dtype,
        model.tokenizer(),
        model.documents(),
        model.documents().ends(),
        model.template(),
        model.sampling());
  }

  /**
   * All files but the weights.
   *
   * @param ends tokens at which generation ends
   */
  private static void writeTexts(
      CheckpointWriter writer,
      ModelConfig model,
      boolean reward,
      FloatType dtype,
      Tokenizer tokenizer,
      DocumentTokens documents,
      Set<Integer> ends,
      Optional<ChatTemplate> template,
      SampleConfig sampling)
      throws IOException {
    ObjectNode config = HuggingFaceConfig.write(model, dtype);
    putTokenIds(config, tokenizer, documents);
    OptionalInt padding = tokenizer.endOfText();
    if (reward) {
      HuggingFaceConfig.makeClassifier(config, tokenizer);
      // The score is that of the last token that is not padding: the end token must not be it.
      padding = HuggingFaceConfig.padding(tokenizer);
    }
    writer.write(CONFIG, json(config));
    writer.write(TokenizerFiles.TOKENIZER, tokenizer.toJson());
    ObjectNode ofTokenizer = tokenizerConfig(tokenizer, documents, padding, model.contextLength());
    ObjectNode ofGeneration = generationConfig(tokenizer, documents, sampling);
    if (template.isPresent()) {
      ChatTemplateFiles.write(writer, ofTokenizer, template.get());
      ArrayNode list = ofGeneration.putArray("eos_token_id");
      ends.stream().sorted().forEach(list::add);
    }
    writer.write(TokenizerFiles.TOKENIZER_CONFIG, json(ofTokenizer));
    writer.write(TokenizerFiles.GENERATION_CONFIG, json(ofGeneration));
  }

  /**
   * Reads a language model with its weights, into which adapters are merged, without the heads that
   * may lie beside them.
   *
   * @param notices receives a line about tensors that are ignored, if any are
   * @throws UserException if the directory holds none, or one that cannot be loaded
   */
  public static LanguageModel read(
      FileSystem fs, Path directory, Backend backend, Consumer<String> notices) {
    ModelConfig config = readConfig(fs, directory);
    requireStored(fs, directory, config, false);
    LanguageModel model = Models.declare(config);
    model.parameters().allocate(backend, DType.F32);
    try {
      readBackbone(fs, directory, model, notices);
    } catch (RuntimeException e) {
      model.close();
      throw e;
    }
    return model;
  }

  /**
   * Reads the architecture and the sizes of a model.
   *
   * @throws UserException if the directory holds none, or one that cannot be loaded
   */
  public static ModelConfig readConfig(FileSystem fs, Path directory) {
    JsonNode json = configJson(fs, directory);
    if (HuggingFaceConfig.isClassifier(json)) {
      throw UserException.usage(
          "%s must be a language model, got a reward model (%s): name the model that it was trained from, or another one"
              .formatted(directory, json.path("architectures").path(0).asText()));
    }
    return HuggingFaceConfig.read(json);
  }

  /**
   * Reads the architecture and the sizes of a reward model.
   *
   * @throws UserException if the directory holds none, or one that cannot be loaded
   */
  public static ModelConfig readRewardConfig(FileSystem fs, Path directory) {
    JsonNode json = configJson(fs, directory);
    if (!HuggingFaceConfig.isClassifier(json)) {
      throw UserException.usage(
          "%s must be a reward model, got a model of the class %s: train one with the command reward"
              .formatted(directory, json.path("architectures").path(0).asText("unknown")));
    }
    return HuggingFaceConfig.read(json);
  }

  /**
   * Reads a reward model with its head and its normalization; adapters are merged.
   *
   * @param notices receives a line about tensors that are ignored, if any are
   * @throws UserException if the directory holds none, or one that cannot be loaded
   */
  public static ScoredModel readReward(
      FileSystem fs, Path directory, Backend backend, Consumer<String> notices) {
    ModelConfig config = readRewardConfig(fs, directory);
    requireStored(fs, directory, config, true);
    ScoredModel plain = ScoredModel.reward(config, Projections.DENSE);
    plain.parameters().allocate(backend, DType.F32);
    try {
      Optional<Lora> adapters = OtherParameters.adapters(fs, directory);
      if (adapters.isEmpty()) {
        readWeights(fs, directory, plain.backbone(), notices);
        return plain;
      }
      try (ScoredModel adapted = ScoredModel.reward(config, adapters.get())) {
        adapted.parameters().allocate(backend, DType.F32);
        readWeights(fs, directory, adapted.backbone(), notices);
        adapters.get().merge(adapted.parameters(), plain.parameters());
      }
      return plain;
    } catch (IOException e) {
      plain.close();
      throw HadoopFiles.explain("reading the model in " + directory, e);
    } catch (RuntimeException e) {
      plain.close();
      throw e;
    }
  }

  static JsonNode configJson(FileSystem fs, Path directory) {
    try {
      return Safetensors.JSON.readTree(text(fs, directory, CONFIG));
    } catch (JsonProcessingException e) {
      throw UserException.failure("%s is not valid JSON".formatted(new Path(directory, CONFIG)), e);
    }
  }

  /** Without its heads a language model computes the same. */
  static void ignoreHeads(FileSystem fs, Path directory, Consumer<String> notices) {
    try {
      List<String> heads =
          OtherParameters.names(fs, directory).stream()
              .filter(name -> !Lora.isAdapter(name))
              .toList();
      if (!heads.isEmpty()) {
        notices.accept("Ignored in %s: %s".formatted(directory, String.join(", ", heads)));
      }
    } catch (IOException e) {
      throw HadoopFiles.explain("reading the model in " + directory, e);
    }
  }

  /**
   * Overwrites all of a model's weights: those of {@link #readBackbone} and, bit for bit, its heads
   * and adapters. The directory must hold the same ones.
   *
   * @param notices receives a line about tensors that are ignored, if any are
   * @throws UserException that names the first tensor or parameter that is missing, unknown, of
   *     another shape, or not of a floating-point type
   */
  public static void readWeights(
      FileSystem fs, Path directory, LanguageModel model, Consumer<String> notices) {
    readPublished(fs, directory, model, true, notices);
    try {
      OtherParameters.read(fs, directory, model);
    } catch (IOException e) {
      throw HadoopFiles.explain("reading the model in " + directory, e);
    }
  }

  /**
   * Overwrites the weights that Hugging Face has names for, with the directory's adapters merged
   * into them, and leaves a model's own heads and adapters as they are. Without adapters, those in
   * float32 bit for bit, those in bfloat16 and float16 by the same values in float32. Buffers of
   * published directories and a head that equals the embedding that it is tied to are ignored
   * ({@link PublishedNames}).
   *
   * @param notices receives a line about tensors that are ignored, if any are
   * @throws UserException that names the first tensor that is missing, unknown, of another shape,
   *     or not of a floating-point type
   */
  public static void readBackbone(
      FileSystem fs, Path directory, LanguageModel model, Consumer<String> notices) {
    Optional<Lora> adapters;
    try {
      adapters = OtherParameters.adapters(fs, directory);
    } catch (IOException e) {
      throw HadoopFiles.explain("reading the model in " + directory, e);
    }
    if (adapters.isPresent()) {
      mergeInto(fs, directory, adapters.get(), model, notices);
    } else {
      readPublished(fs, directory, model, false, notices);
    }
    ignoreHeads(fs, directory, notices);
  }

  private static void mergeInto(
      FileSystem fs, Path directory, Lora adapters, LanguageModel model, Consumer<String> notices) {
    ParameterSet.Builder parameters = ParameterSet.builder();
    try (LanguageModel adapted = Models.declare(model.config(), parameters, adapters)) {
      parameters.build().allocate(model.parameters().backend(), DType.F32);
      readPublished(fs, directory, adapted, false, notices);
      OtherParameters.readAdapters(fs, directory, adapted);
      adapters.merge(adapted.parameters(), model.parameters());
    } catch (IOException e) {
      throw HadoopFiles.explain("reading the model in " + directory, e);
    }
  }

  /**
   * @param withHead whether the head of a reward model is read, too
   */
  private static void readPublished(
      FileSystem fs,
      Path directory,
      LanguageModel model,
      boolean withHead,
      Consumer<String> notices) {
    try (ModelTensors tensors = ModelTensors.open(fs, directory)) {
      List<ParameterTensor> wanted =
          tensors(model, model.parameters().weights()).stream()
              .filter(tensor -> withHead || !tensor.name().equals(PublishedNames.REWARD_HEAD))
              .toList();
      PublishedNames names = new PublishedNames(model.config(), tensors.names());
      Set<String> more = new TreeSet<>(tensors.names());
      for (ParameterTensor tensor : wanted) {
        tensors.require(names.stored(tensor.name()), tensor.shape());
        more.remove(names.stored(tensor.name()));
      }
      // The embedding is the first in the order of the network.
      JsonNode config = configJson(fs, directory);
      boolean tied = HuggingFaceConfig.read(config).tieEmbeddings();
      if (HuggingFaceConfig.isClassifier(config) && more.remove(PublishedNames.REWARD_HEAD)) {
        notices.accept(
            "Ignored in %s: %s, the head of a reward model"
                .formatted(directory, PublishedNames.REWARD_HEAD));
      }
      String ignored =
          ignored(directory, tensors, more, HuggingFaceNames.tensors(model).get(0), names, tied);
      for (ParameterTensor tensor : wanted) {
        tensor.load(tensors, names.stored(tensor.name()));
      }
      if (!ignored.isEmpty()) {
        notices.accept("Ignored in %s: %s".formatted(directory, ignored));
      }
    } catch (IOException e) {
      throw HadoopFiles.explain("reading the model in " + directory, e);
    }
  }

  /**
   * Lists the ignored tensors, for a notice.
   *
   * @param more all tensors that are not the model's
   * @param tied whether the directory's head is tied to its embedding
   * @throws UserException that names the first one that may be a weight
   */
  static String ignored(
      Path directory,
      ModelTensors tensors,
      Set<String> more,
      HuggingFaceTensor embedding,
      PublishedNames names,
      boolean tied)
      throws IOException {
    Map<String, Integer> buffers = new TreeMap<>();
    List<String> ignored = new ArrayList<>();
    for (String name : more) {
      Optional<String> buffer = names.buffer(name, tensors.shape(name));
      if (buffer.isPresent()) {
        buffers.merge(buffer.get(), 1, Integer::sum);
      } else if (name.equals(PublishedNames.HEAD) && !tied) {
        ignored.add("%s, which this model does not have".formatted(name));
      } else if (name.equals(PublishedNames.HEAD)) {
        String tiedTo = names.stored(embedding.name());
        requireTiedHead(directory, tensors, tiedTo, embedding.shape());
        ignored.add("%s, a copy of %s".formatted(name, tiedTo));
      } else {
        throw UserException.failure(
            "the model in %s has the tensor %s, which this architecture does not have: it is another model"
                .formatted(directory, name));
      }
    }
    if (!buffers.isEmpty()) {
      ignored.add(
          buffers.entrySet().stream()
              .map(entry -> entry.getValue() + " " + entry.getKey())
              .collect(Collectors.joining(", ", "buffers that the model computes itself (", ")")));
    }
    return String.join("; ", ignored);
  }

  private static void requireTiedHead(
      Path directory, ModelTensors tensors, String embedding, Shape shape) throws IOException {
    tensors.require(PublishedNames.HEAD, shape);
    float[] wanted = new float[Safetensors.BUFFER_ELEMENTS];
    float[] got = new float[Safetensors.BUFFER_ELEMENTS];
    for (long from = 0; from < shape.size(); from += wanted.length) {
      int count = (int) Math.min(wanted.length, shape.size() - from);
      tensors.read(embedding, from, wanted, count);
      tensors.read(PublishedNames.HEAD, from, got, count);
      int at = Arrays.mismatch(wanted, 0, count, got, 0, count);
      if (at >= 0) {
        throw UserException.failure(
            "tensor %s of the model in %s must equal %s, to which %s ties it, got %s instead of %s at element %d: set tie_word_embeddings to false there if the model has a head of its own"
                .formatted(
                    PublishedNames.HEAD,
                    directory,
                    embedding,
                    CONFIG,
                    got[at],
                    wanted[at],
                    from + at));
      }
    }
  }

  /**
   * Requires that the embedding have a row for each token. It has none for a special token that the
   * directory's files list and {@code tokenizer.json} does not have.
   *
   * @throws UserException if it lacks some
   */
  public static void requireRows(Path directory, Tokenizer tokenizer, ModelConfig config) {
    if (tokenizer.vocabularySize() > config.vocabularySize()) {
      throw UserException.usage(
          "the embedding of %s must have a row for each of the %d tokens, got %d rows: import it with --vocabulary-size %d"
              .formatted(
                  directory,
                  tokenizer.vocabularySize(),
                  config.vocabularySize(),
                  tokenizer.vocabularySize()));
    }
  }

  /** Reads the tokenizer. */
  public static Tokenizer readTokenizer(FileSystem fs, Path directory) {
    Path file = new Path(directory, TokenizerFiles.TOKENIZER);
    try {
      return TokenizerFiles.read(fs, file);
    } catch (FileNotFoundException e) {
      throw missing(directory, TokenizerFiles.TOKENIZER, e);
    } catch (IOException e) {
      throw HadoopFiles.explain("reading " + file, e);
    }
  }

  /**
   * Checks that the directory holds the tensors that it describes, before memory is taken for them.
   */
  private static void requireStored(
      FileSystem fs, Path directory, ModelConfig config, boolean classifier) {
    try (ModelTensors tensors = ModelTensors.open(fs, directory)) {
      PublishedNames names = new PublishedNames(config, tensors.names());
      for (HuggingFaceTensor tensor : ModelCheck.declared(directory, config, classifier, tensors)) {
        tensors.require(names.stored(tensor.name()), tensor.shape());
      }
    } catch (IOException e) {
      throw HadoopFiles.explain("reading the model in " + directory, e);
    }
  }

  static List<ParameterTensor> tensors(LanguageModel model, Segment weights) {
    return HuggingFaceNames.tensors(model).stream()
        .map((HuggingFaceTensor tensor) -> new ParameterTensor(tensor, weights))
        .toList();
  }

  private static String text(FileSystem fs, Path directory, String name) {
    Path file = new Path(directory, name);
    try (InputStream in = fs.open(file)) {
      return new String(in.readAllBytes(), StandardCharsets.UTF_8);
    } catch (FileNotFoundException e) {
      throw missing(directory, name, e);
    } catch (IOException e) {
      throw HadoopFiles.explain("reading " + file, e);
    }
  }

  private static UserException missing(Path directory, String name, FileNotFoundException e) {
    return UserException.usage(
        "%s must be a model directory with a %s, got none".formatted(directory, name), e);
  }

  private static ObjectNode tokenizerConfig(
      Tokenizer tokenizer, DocumentTokens documents, OptionalInt padding, int contextLength) {
    ObjectNode json = Safetensors.JSON.createObjectNode();
    json.put("tokenizer_class", "PreTrainedTokenizerFast");
    json.put("model_max_length", contextLength);
    json.put("clean_up_tokenization_spaces", false);
    documents.start().ifPresent(id -> json.put("bos_token", tokenizer.token(id)));
    tokenizer.endOfText().ifPresent(id -> json.put("eos_token", tokenizer.token(id)));
    padding.ifPresent(id -> json.put("pad_token", tokenizer.token(id)));
    TokenizerFiles.putSpecialTokens(json, tokenizer);
    return json;
  }

  private static ObjectNode generationConfig(
      Tokenizer tokenizer, DocumentTokens documents, SampleConfig sampling) {
    ObjectNode json = Safetensors.JSON.createObjectNode();
    putTokenIds(json, tokenizer, documents);
    json.put("do_sample", sampling.temperature() > 0);
    if (sampling.temperature() > 0) {
      json.put("temperature", sampling.temperature());
      json.put("top_k", sampling.topK());
      json.put("top_p", sampling.topP());
    }
    json.put("max_new_tokens", Math.max(1, sampling.maxTokens()));
    return json;
  }

  /** One token may separate documents: it is then bos, eos and padding. */
  private static void putTokenIds(ObjectNode json, Tokenizer tokenizer, DocumentTokens documents) {
    documents.start().ifPresent(id -> json.put("bos_token_id", id));
    if (documents.ends().size() == 1) {
      json.put("eos_token_id", documents.ends().iterator().next());
    } else if (!documents.ends().isEmpty()) {
      ArrayNode ends = json.putArray("eos_token_id");
      documents.ends().stream().sorted().forEach(ends::add);
    }
    tokenizer.endOfText().ifPresent(id -> json.put("pad_token_id", id));
  }

  private static String json(JsonNode tree) throws JsonProcessingException {
    return Safetensors.JSON.writerWithDefaultPrettyPrinter().writeValueAsString(tree) + "\n";
  }
}
