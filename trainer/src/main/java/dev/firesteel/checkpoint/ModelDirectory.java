package dev.firesteel.checkpoint;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.firesteel.array.DType;
import dev.firesteel.array.Shape;
import dev.firesteel.backend.Backend;
import dev.firesteel.config.SampleConfig;
import dev.firesteel.data.DataFiles;
import dev.firesteel.error.UserException;
import dev.firesteel.model.HuggingFaceConfig;
import dev.firesteel.model.HuggingFaceNames;
import dev.firesteel.model.HuggingFaceTensor;
import dev.firesteel.model.LanguageModel;
import dev.firesteel.model.Models;
import dev.firesteel.nn.Segment;
import dev.firesteel.tokenizer.Tokenizer;
import java.io.FileNotFoundException;
import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.util.List;
import java.util.Set;
import java.util.TreeSet;
import java.util.stream.Collectors;
import org.apache.hadoop.fs.FileSystem;
import org.apache.hadoop.fs.Path;

/**
 * A Hugging Face model directory, which each checkpoint is: {@code config.json}, {@code
 * model.safetensors} (or several files and an index), {@code tokenizer.json}, {@code
 * tokenizer_config.json}, {@code generation_config.json}. The weights have the bits that they have
 * in memory.
 */
public final class ModelDirectory {
  static final String CONFIG = "config.json";

  private ModelDirectory() {}

  /** Writes a model's files; {@code sampling} becomes the default of whoever generates with it. */
  public static void write(
      CheckpointWriter writer, LanguageModel model, Tokenizer tokenizer, SampleConfig sampling)
      throws IOException {
    write(writer, model, model.parameters().weights(), tokenizer, sampling);
  }

  /** As above, with the weights of a segment instead of the model's own. */
  static void write(
      CheckpointWriter writer,
      LanguageModel model,
      Segment weights,
      Tokenizer tokenizer,
      SampleConfig sampling)
      throws IOException {
    ModelTensors.write(writer, tensors(model, weights), ModelTensors.MAX_FILE_BYTES);
    ObjectNode config = HuggingFaceConfig.write(model.config());
    putTokenIds(config, tokenizer);
    writer.write(CONFIG, json(config));
    writer.write(TokenizerFiles.TOKENIZER, tokenizer.toJson());
    writer.write(
        TokenizerFiles.TOKENIZER_CONFIG,
        json(tokenizerConfig(tokenizer, model.config().contextLength())));
    writer.write(TokenizerFiles.GENERATION_CONFIG, json(generationConfig(tokenizer, sampling)));
  }

  /**
   * Reads a model with its weights.
   *
   * @throws UserException if the directory holds none, or one that cannot be loaded
   */
  public static LanguageModel read(FileSystem fs, Path directory, Backend backend) {
    LanguageModel model;
    try {
      model =
          Models.declare(
              HuggingFaceConfig.read(Safetensors.JSON.readTree(text(fs, directory, CONFIG))));
    } catch (JsonProcessingException e) {
      throw UserException.failure("%s is not valid JSON".formatted(new Path(directory, CONFIG)), e);
    }
    model.parameters().allocate(backend, DType.F32);
    try {
      readWeights(fs, directory, model);
    } catch (RuntimeException e) {
      model.close();
      throw e;
    }
    return model;
  }

  /**
   * Overwrites a model's weights, bit for bit.
   *
   * @throws UserException that names the first tensor that is missing, of another shape, or not one
   *     of the model's
   */
  public static void readWeights(FileSystem fs, Path directory, LanguageModel model) {
    try (ModelTensors tensors = ModelTensors.open(fs, directory)) {
      List<ParameterTensor> wanted = tensors(model, model.parameters().weights());
      for (ParameterTensor tensor : wanted) {
        Shape shape = tensors.shape(tensor.name());
        if (!shape.equals(tensor.shape())) {
          throw UserException.failure(
              "tensor %s of the model in %s must have the shape %s, got %s: it is another model"
                  .formatted(tensor.name(), directory, tensor.shape(), shape));
        }
      }
      Set<String> more = new TreeSet<>(tensors.names());
      more.removeAll(wanted.stream().map(TensorSource::name).collect(Collectors.toSet()));
      if (!more.isEmpty()) {
        throw UserException.failure(
            "the model in %s has the tensor %s, which this architecture does not have: it is another model"
                .formatted(directory, more.iterator().next()));
      }
      for (ParameterTensor tensor : wanted) {
        tensor.load(tensors);
      }
    } catch (IOException e) {
      throw DataFiles.explain("reading the model in " + directory, e);
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
      throw DataFiles.explain("reading " + file, e);
    }
  }

  private static List<ParameterTensor> tensors(LanguageModel model, Segment weights) {
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
      throw DataFiles.explain("reading " + file, e);
    }
  }

  private static UserException missing(Path directory, String name, FileNotFoundException e) {
    return UserException.usage(
        "%s must be a model directory with a %s, got none".formatted(directory, name), e);
  }

  private static ObjectNode tokenizerConfig(Tokenizer tokenizer, int contextLength) {
    ObjectNode json = Safetensors.JSON.createObjectNode();
    json.put("tokenizer_class", "PreTrainedTokenizerFast");
    json.put("model_max_length", contextLength);
    json.put("clean_up_tokenization_spaces", false);
    tokenizer
        .endOfText()
        .ifPresent(
            id -> {
              String token = tokenizer.token(id);
              json.put("bos_token", token).put("eos_token", token).put("pad_token", token);
            });
    return json;
  }

  private static ObjectNode generationConfig(Tokenizer tokenizer, SampleConfig sampling) {
    ObjectNode json = Safetensors.JSON.createObjectNode();
    putTokenIds(json, tokenizer);
    json.put("do_sample", sampling.temperature() > 0);
    if (sampling.temperature() > 0) {
      json.put("temperature", sampling.temperature());
      json.put("top_k", sampling.topK());
      json.put("top_p", sampling.topP());
    }
    json.put("max_new_tokens", Math.max(1, sampling.maxTokens()));
    return json;
  }

  /** Documents are separated by one token, which therefore begins, ends and pads. */
  private static void putTokenIds(ObjectNode json, Tokenizer tokenizer) {
    tokenizer
        .endOfText()
        .ifPresent(
            id -> json.put("bos_token_id", id).put("eos_token_id", id).put("pad_token_id", id));
  }

  private static String json(JsonNode tree) throws JsonProcessingException {
    return Safetensors.JSON.writerWithDefaultPrettyPrinter().writeValueAsString(tree) + "\n";
  }
}
