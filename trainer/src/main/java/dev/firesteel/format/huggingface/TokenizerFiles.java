package dev.firesteel.format.huggingface;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.MissingNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.firesteel.config.SampleConfig;
import dev.firesteel.error.UserException;
import dev.firesteel.files.HadoopFiles;
import dev.firesteel.format.safetensors.Safetensors;
import dev.firesteel.tokenizer.DocumentTokens;
import dev.firesteel.tokenizer.Tokenizer;
import dev.firesteel.tokenizer.Tokenizers;
import java.io.FileNotFoundException;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.OptionalInt;
import java.util.Set;
import java.util.stream.Stream;
import org.apache.hadoop.fs.FileSystem;
import org.apache.hadoop.fs.Path;

/**
 * A {@code tokenizer.json} with the information that Hugging Face keeps in other files: which of
 * its tokens begin and end a document.
 */
public final class TokenizerFiles {
  static final String TOKENIZER = "tokenizer.json";
  static final String TOKENIZER_CONFIG = "tokenizer_config.json";
  static final String GENERATION_CONFIG = "generation_config.json";
  private static final String SPECIAL_TOKENS = "special_tokens_map.json";
  private static final String ADDITIONAL = "additional_special_tokens";
  private static final String EXTRA = "extra_special_tokens";

  private TokenizerFiles() {}

  /**
   * Reads a tokenizer. Its end-of-text token is the first of these that is one of its special
   * tokens: {@code eos_token} of {@code tokenizer_config.json} and {@code special_tokens_map.json},
   * {@code eos_token_id} of {@code generation_config.json} and {@code config.json}, a well-known
   * name.
   *
   * <p>Tokens that the first two files list as {@code additional_special_tokens}, or as {@code
   * extra_special_tokens} (a list, or tokens by name), are special, too. As in transformers those
   * that {@code tokenizer.json} lacks get the next ids.
   *
   * @param file the {@code tokenizer.json}
   * @throws FileNotFoundException if it is not there
   */
  public static Tokenizer read(FileSystem fs, Path file) throws IOException {
    Path folder = file.getParent();
    Tokenizer tokenizer;
    try (InputStream in = fs.open(file)) {
      tokenizer = Tokenizers.load(in, file.toString(), furtherSpecialTokens(fs, folder));
    }
    List<Integer> named = new ArrayList<>();
    for (String name : List.of(TOKENIZER_CONFIG, SPECIAL_TOKENS)) {
      token(json(fs, folder, name), "eos_token", tokenizer).ifPresent(named::add);
    }
    for (String name : List.of(GENERATION_CONFIG, ModelDirectory.CONFIG)) {
      named.addAll(ids(json(fs, folder, name), "eos_token_id", new Path(folder, name), tokenizer));
    }
    return named.stream()
        .filter(tokenizer::isSpecial)
        .findFirst()
        .map(tokenizer::endingWith)
        .orElse(tokenizer);
  }

  private static Set<String> furtherSpecialTokens(FileSystem fs, Path folder) {
    Set<String> contents = new LinkedHashSet<>();
    for (String name : List.of(TOKENIZER_CONFIG, SPECIAL_TOKENS)) {
      JsonNode json = json(fs, folder, name);
      for (String key : List.of(ADDITIONAL, EXTRA)) {
        JsonNode tokens = json.path(key);
        boolean known = tokens.isContainerNode() || tokens.isNull() || tokens.isMissingNode();
        for (JsonNode token : tokens) {
          JsonNode text = token.isObject() ? token.path("content") : token;
          known &= text.isTextual();
          contents.add(text.asText());
        }
        if (!known) {
          throw UserException.usage(
              "%s of %s must be a list of tokens, or tokens by name, got %s: correct the file"
                  .formatted(key, new Path(folder, name), tokens));
        }
      }
    }
    return contents;
  }

  /**
   * Lists the special tokens that a {@code tokenizer_config.json} does not name yet as {@code
   * additional_special_tokens}, which versions 4 and 5 of transformers read. A list of {@code
   * extra_special_tokens}, as version 5 writes it, makes version 4 fail.
   */
  static void putSpecialTokens(ObjectNode config, Tokenizer tokenizer) {
    Set<String> named = new LinkedHashSet<>();
    for (String key : List.of("bos_token", "eos_token", "pad_token")) {
      named.add(config.path(key).asText());
    }
    ArrayNode others = Safetensors.JSON.createArrayNode();
    for (int id = 0; id < tokenizer.vocabularySize(); id++) {
      if (tokenizer.isSpecial(id) && !named.contains(tokenizer.token(id))) {
        others.add(tokenizer.token(id));
      }
    }
    if (!others.isEmpty()) {
      config.set(ADDITIONAL, others);
    }
  }

  /**
   * Writes a tokenizer so that {@link #read} restores it. {@code tokenizer.json} alone is enough if
   * its end-of-text token has the name used by all of Firesteel's own.
   */
  public static void write(FileSystem fs, Path folder, Tokenizer tokenizer) throws IOException {
    try (OutputStream out = fs.create(new Path(folder, TOKENIZER), true)) {
      tokenizer.save(out);
    }
    OptionalInt end = tokenizer.endOfText();
    if (end.isPresent() && !tokenizer.token(end.getAsInt()).equals(Tokenizer.END_OF_TEXT)) {
      String json =
          Safetensors.JSON
                  .createObjectNode()
                  .put("eos_token", tokenizer.token(end.getAsInt()))
                  .toPrettyString()
              + "\n";
      try (OutputStream out = fs.create(new Path(folder, TOKENIZER_CONFIG), true)) {
        out.write(json.getBytes(StandardCharsets.UTF_8));
      }
    }
  }

  /**
   * The tokens at the boundaries of a model's documents: every token in {@code eos_token_id} of
   * {@code generation_config.json} and {@code config.json} ends one, {@code bos_token_id} or {@code
   * bos_token} begins one. If the tokenizer has none of those, its end-of-text token is used.
   */
  public static DocumentTokens documentTokens(FileSystem fs, Path directory, Tokenizer tokenizer) {
    Set<Integer> ends = new LinkedHashSet<>();
    List<Integer> starts = new ArrayList<>();
    for (String name : List.of(GENERATION_CONFIG, ModelDirectory.CONFIG)) {
      Path file = new Path(directory, name);
      JsonNode json = json(fs, directory, name);
      ends.addAll(ids(json, "eos_token_id", file, tokenizer));
      starts.addAll(ids(json, "bos_token_id", file, tokenizer));
    }
    for (String name : List.of(TOKENIZER_CONFIG, SPECIAL_TOKENS)) {
      token(json(fs, directory, name), "bos_token", tokenizer).ifPresent(starts::add);
    }
    tokenizer.endOfText().ifPresent(ends.isEmpty() ? ends::add : starts::add);
    return new DocumentTokens(
        Stream.concat(starts.stream(), ends.stream()).mapToInt(Integer::intValue).findFirst(),
        ends);
  }

  /**
   * How a model is sampled by default, as {@code generation_config.json} says it; {@link
   * PublishedModel#SAMPLING} where it says nothing.
   */
  static SampleConfig sampling(FileSystem fs, Path directory) {
    JsonNode json = json(fs, directory, GENERATION_CONFIG);
    SampleConfig usual = PublishedModel.SAMPLING;
    double temperature = json.path("temperature").asDouble(usual.temperature());
    double topP = json.path("top_p").asDouble(usual.topP());
    return new SampleConfig(
        "",
        0,
        Math.max(0, json.path("max_new_tokens").asInt(usual.maxTokens())),
        json.path("do_sample").asBoolean(true) && temperature >= 0 ? temperature : 0,
        Math.max(0, json.path("top_k").asInt(usual.topK())),
        topP > 0 && topP <= 1 ? topP : usual.topP());
  }

  /** A token by its text, which is either the value itself or its {@code content}. */
  private static OptionalInt token(JsonNode json, String key, Tokenizer tokenizer) {
    JsonNode value = json.path(key);
    JsonNode text = value.isObject() ? value.path("content") : value;
    return text.isTextual() ? tokenizer.id(text.textValue()) : OptionalInt.empty();
  }

  /** One id or a list of ids. Those that the tokenizer lacks are never generated. */
  private static List<Integer> ids(JsonNode json, String key, Path file, Tokenizer tokenizer) {
    JsonNode value = json.path(key);
    if (value.isMissingNode() || value.isNull()) {
      return List.of();
    }
    List<Integer> ids = new ArrayList<>();
    for (JsonNode id : value.isArray() ? value : List.of(value)) {
      if (!id.isIntegralNumber()) {
        throw UserException.usage(
            "%s of %s must be the id of a token or a list of ids, got %s: correct the file"
                .formatted(key, file, id));
      }
      if (id.canConvertToInt()
          && id.intValue() >= 0
          && id.intValue() < tokenizer.vocabularySize()) {
        ids.add(id.intValue());
      }
    }
    return ids;
  }

  private static JsonNode json(FileSystem fs, Path folder, String name) {
    Path file = new Path(folder, name);
    try (InputStream in = fs.open(file)) {
      return Safetensors.JSON.readTree(in);
    } catch (FileNotFoundException e) {
      return MissingNode.getInstance();
    } catch (JsonProcessingException e) {
      throw UserException.failure("%s is not valid JSON".formatted(file), e);
    } catch (IOException e) {
      throw HadoopFiles.explain("reading " + file, e);
    }
  }
}
