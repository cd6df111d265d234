package dev.firesteel.format.gguf;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.JsonNode;
import dev.firesteel.error.UserException;
import dev.firesteel.format.safetensors.Safetensors;
import dev.firesteel.tokenizer.BpeTokenizer;
import dev.firesteel.tokenizer.DocumentTokens;
import dev.firesteel.tokenizer.SplitPattern;
import dev.firesteel.tokenizer.Tokenizer;
import dev.firesteel.tokenizer.Tokenizers;
import dev.firesteel.tokenizer.VocabularyFormats;
import dev.firesteel.tokenizer.VocabularyFormats.Kind;
import dev.firesteel.tokenizer.VocabularyFormats.Token;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalInt;
import java.util.Set;
import java.util.TreeSet;
import java.util.function.Consumer;

/**
 * A tokenizer as metadata of a GGUF file: keys {@code tokenizer.ggml.*}, from which llama.cpp makes
 * its own, and {@code tokenizer.huggingface.json}, the whole {@code tokenizer.json}, from which
 * {@code import} restores ours. Source: {@code docs/gguf.md} of ggml-org/ggml, {@code
 * src/llama-vocab.cpp} of ggml-org/llama.cpp.
 *
 * <p>A character tokenizer becomes a byte-level BPE whose merges put together the bytes of each
 * character: llama.cpp looks up only what is left of a word after all merges, so that the halves of
 * a merge need not be tokens.
 */
final class GgufTokenizer {
  static final String JSON = "tokenizer.huggingface.json";
  static final String TEMPLATE = "tokenizer.chat_template";
  static final String PREFIX = "tokenizer.ggml.";

  /** Values of {@code token_type}. */
  static final int NORMAL = 1;

  static final int CONTROL = 3;
  static final int USER_DEFINED = 4;
  private static final int UNUSED = 5;

  /** Splits into words by llama.cpp's names for them; ours are the first of their kind. */
  private static final Map<String, SplitPattern> SPLITS =
      Map.of(
          "gpt-2", SplitPattern.GPT2,
          "gpt2", SplitPattern.GPT2,
          "llama-bpe", SplitPattern.LLAMA3,
          "llama3", SplitPattern.LLAMA3,
          "llama-v3", SplitPattern.LLAMA3,
          "qwen2", SplitPattern.QWEN2,
          "gpt-4o", SplitPattern.GPT4O);

  private GgufTokenizer() {}

  /** The name that llama.cpp has for a split into words. */
  private static String name(SplitPattern pattern) {
    return switch (pattern) {
      case GPT2 -> "gpt-2";
      case LLAMA3 -> "llama-bpe";
      case QWEN2 -> "qwen2";
      case GPT4O -> "gpt-4o";
    };
  }

  /**
   * The keys of a tokenizer.
   *
   * @param rows of the model's embedding; rows without a token become unused ones
   * @param notices receives a line about what llama.cpp does otherwise
   * @throws UserException if llama.cpp has no such tokenizer
   */
  static Map<String, GgufValue> write(
      Tokenizer tokenizer, DocumentTokens documents, int rows, Consumer<String> notices) {
    JsonNode json = parse(tokenizer.toJson());
    Map<Integer, Boolean> added = new LinkedHashMap<>(); // special?
    for (JsonNode token : json.path("added_tokens")) {
      added.put(token.path("id").asInt(), token.path("special").asBoolean());
    }
    Words words = words(tokenizer, json, added.keySet(), notices);
    List<String> tokens = new ArrayList<>(words.tokens());
    int[] types = new int[rows];
    Arrays.fill(types, UNUSED);
    for (int id = 0; id < tokens.size(); id++) {
      Boolean special = added.get(id);
      types[id] = special == null ? NORMAL : special ? CONTROL : USER_DEFINED;
    }
    for (int id = tokens.size(); id < rows; id++) {
      tokens.add("[PAD%d]".formatted(id));
    }
    Map<String, GgufValue> keys = new LinkedHashMap<>();
    keys.put(PREFIX + "model", GgufValue.text("gpt2"));
    keys.put(PREFIX + "pre", GgufValue.text(words.split()));
    keys.put(PREFIX + "tokens", GgufValue.texts(tokens));
    keys.put(PREFIX + "token_type", GgufValue.numbers(types));
    keys.put(PREFIX + "merges", GgufValue.texts(words.merges()));
    List<Integer> start = tokenizer.sequenceTokens().start();
    OptionalInt bos = start.size() == 1 ? OptionalInt.of(start.get(0)) : documents.start();
    bos.ifPresent(id -> keys.put(PREFIX + "bos_token_id", GgufValue.number(id)));
    OptionalInt end = tokenizer.endOfText();
    Set<Integer> ends = new TreeSet<>(documents.ends());
    OptionalInt eos =
        end.isPresent() || ends.isEmpty() ? end : OptionalInt.of(ends.iterator().next());
    eos.ifPresent(id -> keys.put(PREFIX + "eos_token_id", GgufValue.number(id)));
    eos.ifPresent(ends::remove);
    if (!ends.isEmpty()) { // the end of a turn
      keys.put(PREFIX + "eot_token_id", GgufValue.number(ends.iterator().next()));
    }
    end.ifPresent(id -> keys.put(PREFIX + "padding_token_id", GgufValue.number(id)));
    keys.put(PREFIX + "add_bos_token", GgufValue.flag(!start.isEmpty() && bos.isPresent()));
    keys.put(PREFIX + "add_eos_token", GgufValue.flag(false));
    keys.put(PREFIX + "add_space_prefix", GgufValue.flag(false));
    keys.put(JSON, GgufValue.text(tokenizer.toJson()));
    return keys;
  }

  /**
   * A vocabulary in llama.cpp's terms.
   *
   * @param split the name of its split into words
   */
  private record Words(String split, List<String> tokens, List<String> merges) {}

  private static Words words(
      Tokenizer tokenizer, JsonNode json, Set<Integer> added, Consumer<String> notices) {
    List<String> tokens = new ArrayList<>();
    List<String> merges = new ArrayList<>();
    for (int id = 0; id < tokenizer.vocabularySize(); id++) {
      tokens.add(tokenizer.token(id));
    }
    if (tokenizer instanceof BpeTokenizer bpe) {
      for (int rank = 0; rank < bpe.mergeCount(); rank++) {
        merges.add(bpe.merge(rank));
      }
      if (json.hasNonNull("normalizer")) {
        notices.accept(
            "llama.cpp does not normalize text (%s): texts in another form get other tokens there"
                .formatted(json.path("normalizer").path("type").asText()));
      }
      return new Words(name(bpe.pattern()), tokens, merges);
    }
    String model = json.path("model").path("type").asText();
    if (!model.equals("WordLevel")) {
      throw UserException.usage(
          "a model with a tokenizer of the kind %s over characters cannot be exported to gguf, only byte-level BPE and characters can: export it to hf"
              .formatted(model));
    }
    Set<String> distinct = new LinkedHashSet<>();
    for (int id = 0; id < tokens.size(); id++) {
      if (!added.contains(id)) {
        String token = byteAlphabet(tokens.get(id));
        tokens.set(id, token);
        for (int end = 2; end <= token.length(); end++) {
          distinct.add(token.substring(0, end - 1) + " " + token.charAt(end - 1));
        }
      }
    }
    merges.addAll(distinct);
    return new Words(name(SplitPattern.GPT2), tokens, merges);
  }

  /** A text's bytes in GPT-2's byte alphabet. */
  private static String byteAlphabet(String text) {
    return BpeTokenizer.inByteAlphabet(text.getBytes(StandardCharsets.UTF_8));
  }

  private static JsonNode parse(String json) {
    try {
      return Safetensors.JSON.readTree(json);
    } catch (JsonProcessingException e) {
      throw new AssertionError("a tokenizer is written as valid JSON", e);
    }
  }

  /**
   * The tokenizer of a file.
   *
   * @throws UserException if it has none, or one that we do not have
   */
  static Tokenizer read(GgufFile file) {
    Tokenizer tokenizer =
        file.text(JSON)
            .map(json -> Tokenizers.load(json, file + " (" + JSON + ")"))
            .orElseGet(() -> fromTokens(file));
    return file.integer(PREFIX + "eos_token_id")
        .filter(id -> id < tokenizer.vocabularySize() && tokenizer.isSpecial(id))
        .map(tokenizer::endingWith)
        .orElse(tokenizer);
  }

  private static Tokenizer fromTokens(GgufFile file) {
    String model = file.text(PREFIX + "model").orElse("(none)");
    List<Token> tokens = tokens(file);
    String source = file + " (" + PREFIX + "tokens)";
    return switch (model) {
      case "gpt2" -> {
        SplitPattern split = split(file);
        yield VocabularyFormats.byteLevel(
            tokens,
            file.texts(PREFIX + "merges").orElse(List.of()),
            split,
            split == SplitPattern.QWEN2 ? Optional.of("NFC") : Optional.empty(),
            split == SplitPattern.LLAMA3,
            source);
      }
      case "llama" -> {
        int begin = file.integer(PREFIX + "bos_token_id").orElse(-1);
        boolean begins = file.flag(PREFIX + "add_bos_token").orElse(true) && begin < tokens.size();
        yield VocabularyFormats.sentencePiece(
            tokens,
            file.flag(PREFIX + "add_space_prefix").orElse(true),
            begins ? begin : -1,
            source);
      }
      default ->
          throw UserException.usage(
              "%smodel of %s must be gpt2 or llama, got %s: other tokenizers are not supported"
                  .formatted(PREFIX, file, model));
    };
  }

  private static SplitPattern split(GgufFile file) {
    String name = file.text(PREFIX + "pre").orElse("(none)");
    return Optional.ofNullable(SPLITS.get(name))
        .orElseThrow(
            () ->
                UserException.usage(
                    "%spre of %s must be one of %s, got %s: other splits into words are not supported"
                        .formatted(
                            PREFIX,
                            file,
                            String.join(", ", new TreeSet<>(SPLITS.keySet())),
                            name)));
  }

  private static List<Token> tokens(GgufFile file) {
    List<String> texts =
        file.texts(PREFIX + "tokens")
            .orElseThrow(
                () ->
                    UserException.usage(
                        "%s must have a tokenizer (%stokens), and has none: take another file"
                            .formatted(file, PREFIX)));
    Optional<GgufValue> types = file.array(PREFIX + "token_type");
    Optional<GgufValue> scores = file.array(PREFIX + "scores");
    requireCount(file, "token_type", types, texts);
    requireCount(file, "scores", scores, texts);
    List<Token> tokens = new ArrayList<>();
    for (int id = 0; id < texts.size(); id++) {
      int at = id;
      int type = types.map(value -> (int) value.decimal(at)).orElse(NORMAL);
      float score = scores.map(value -> (float) value.decimal(at)).orElse(0f);
      tokens.add(new Token(texts.get(id), kind(type), type == UNUSED ? Float.NaN : score));
    }
    // Rows of the embedding without a token.
    while (!tokens.isEmpty() && Float.isNaN(tokens.get(tokens.size() - 1).score())) {
      tokens.remove(tokens.size() - 1);
    }
    return tokens;
  }

  private static void requireCount(
      GgufFile file, String key, Optional<GgufValue> values, List<String> tokens) {
    if (values.isPresent() && values.get().count() != tokens.size()) {
      throw UserException.failure(
          "%s%s of %s must have a value for each of the %d tokens, got %d: the file is damaged"
              .formatted(PREFIX, key, file, tokens.size(), values.get().count()));
    }
  }

  private static Kind kind(int type) {
    return switch (type) {
      case 2 -> Kind.UNKNOWN;
      case CONTROL -> Kind.CONTROL;
      case USER_DEFINED -> Kind.USER_DEFINED;
      case 6 -> Kind.BYTE;
      default -> Kind.NORMAL;
    };
  }
}
