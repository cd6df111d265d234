package dev.firesteel.tokenizer;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.firesteel.error.UserException;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.HashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;

/**
 * Tokenizers of vocabularies that other formats hold as plain lists (GGUF, llama2.c). What such a
 * list says is written as the {@code tokenizer.json} that says the same, and read as that.
 */
public final class VocabularyFormats {
  private static final String SPACE = "\u2581";
  private static final JsonNodeFactory NODES = JsonNodeFactory.instance;

  private VocabularyFormats() {}

  /** What a token of a list is. */
  public enum Kind {
    NORMAL,
    /** No text becomes it: the end of a document, the begin of a turn. */
    CONTROL,
    /** It is cut out of a text before anything else. */
    USER_DEFINED,
    /** A single byte, {@code <0x0A>}. */
    BYTE,
    /** What a character without a token becomes. */
    UNKNOWN
  }

  /**
   * A token of a list.
   *
   * @param score of SentencePiece: pairs whose result has a higher score are merged first
   */
  public record Token(String text, Kind kind, float score) {}

  /**
   * A byte-level BPE.
   *
   * @param merges {@code a b}, in their order
   * @param normalForm Unicode's normal form that texts are brought into; empty if they are not
   * @param source where it comes from, for messages
   * @throws UserException if the list is not that of such a tokenizer
   */
  public static Tokenizer byteLevel(
      List<Token> tokens,
      List<String> merges,
      SplitPattern split,
      Optional<String> normalForm,
      boolean ignoreMerges,
      String source) {
    ObjectNode json = NODES.objectNode();
    json.put("version", "1.0");
    json.set("added_tokens", added(tokens));
    normalForm.ifPresent(form -> json.putObject("normalizer").put("type", form));
    ObjectNode byteLevel = NODES.objectNode();
    byteLevel
        .put("type", "ByteLevel")
        .put("add_prefix_space", false)
        .put("trim_offsets", true)
        .put("use_regex", split == SplitPattern.GPT2);
    if (split == SplitPattern.GPT2) {
      json.set("pre_tokenizer", byteLevel);
    } else {
      ArrayNode steps =
          json.putObject("pre_tokenizer").put("type", "Sequence").putArray("pretokenizers");
      ObjectNode step = steps.addObject().put("type", "Split");
      step.putObject("pattern").put("Regex", split.regex());
      step.put("behavior", "Isolated").put("invert", false);
      steps.add(byteLevel);
    }
    json.set("decoder", byteLevel.deepCopy());
    ObjectNode model = json.putObject("model").put("type", "BPE");
    model.put("ignore_merges", ignoreMerges);
    model.set("vocab", vocabulary(tokens, source));
    ArrayNode list = model.putArray("merges");
    merges.forEach(list::add);
    return Tokenizers.load(json.toString(), source);
  }

  /**
   * A BPE over characters as SentencePiece trains it: each token that is the result of merges is
   * one of every pair of tokens that makes it, those of the highest score first.
   *
   * @param tokens with {@code U+2581} for spaces
   * @param spacePrefix whether a space is put before a text
   * @param begin the id that begins a text; negative if none does
   * @param source where it comes from, for messages
   * @throws UserException if the list is not that of such a tokenizer
   */
  public static Tokenizer sentencePiece(
      List<Token> tokens, boolean spacePrefix, int begin, String source) {
    ObjectNode json = NODES.objectNode();
    json.put("version", "1.0");
    json.set("added_tokens", added(tokens));
    ArrayNode normalizers =
        json.putObject("normalizer").put("type", "Sequence").putArray("normalizers");
    ArrayNode decoders = json.putObject("decoder").put("type", "Sequence").putArray("decoders");
    if (spacePrefix) {
      normalizers.addObject().put("type", "Prepend").put("prepend", SPACE);
    }
    replace(normalizers.addObject(), " ", SPACE);
    replace(decoders.addObject(), SPACE, " ");
    decoders.addObject().put("type", "ByteFallback");
    decoders.addObject().put("type", "Fuse");
    if (spacePrefix) {
      decoders.addObject().put("type", "Strip").put("content", " ").put("start", 1).put("stop", 0);
    }
    if (begin >= 0) {
      String text = tokens.get(begin).text();
      ObjectNode post = json.putObject("post_processor").put("type", "TemplateProcessing");
      ArrayNode single = post.putArray("single");
      single.addObject().putObject("SpecialToken").put("id", text).put("type_id", 0);
      single.addObject().putObject("Sequence").put("id", "A").put("type_id", 0);
      ArrayNode pair = post.putArray("pair");
      pair.addObject().putObject("Sequence").put("id", "A").put("type_id", 0);
      pair.addObject().putObject("Sequence").put("id", "B").put("type_id", 1);
      ObjectNode special = post.putObject("special_tokens").putObject(text).put("id", text);
      special.putArray("ids").add(begin);
      special.putArray("tokens").add(text);
    }
    ObjectNode model = json.putObject("model").put("type", "BPE");
    tokens.stream()
        .filter(token -> token.kind() == Kind.UNKNOWN)
        .findFirst()
        .ifPresent(token -> model.put("unk_token", token.text()));
    model.put("fuse_unk", true);
    model.put("byte_fallback", tokens.stream().anyMatch(token -> token.kind() == Kind.BYTE));
    model.set("vocab", vocabulary(tokens, source));
    model.set("merges", merges(tokens));
    return Tokenizers.load(json.toString(), source);
  }

  private static void replace(ObjectNode step, String from, String to) {
    step.put("type", "Replace").put("content", to);
    step.putObject("pattern").put("String", from);
  }

  private static ArrayNode added(List<Token> tokens) {
    ArrayNode added = NODES.arrayNode();
    for (int id = 0; id < tokens.size(); id++) {
      Kind kind = tokens.get(id).kind();
      if (kind == Kind.CONTROL || kind == Kind.USER_DEFINED || kind == Kind.UNKNOWN) {
        added
            .addObject()
            .put("id", id)
            .put("content", tokens.get(id).text())
            .put("single_word", false)
            .put("lstrip", false)
            .put("rstrip", false)
            .put("normalized", false)
            .put("special", kind != Kind.USER_DEFINED);
      }
    }
    return added;
  }

  private static ObjectNode vocabulary(List<Token> tokens, String source) {
    ObjectNode vocabulary = NODES.objectNode();
    for (int id = 0; id < tokens.size(); id++) {
      JsonNode before = vocabulary.replace(tokens.get(id).text(), NODES.numberNode(id));
      if (before != null) {
        throw UserException.usage(
            String.format(
                Locale.ROOT,
                "Cannot load tokenizer %s: the tokens %d and %d are the same, '%s'",
                source,
                before.intValue(),
                id,
                tokens.get(id).text()));
      }
    }
    return vocabulary;
  }

  /** As transformers' converter of SentencePiece models lists them. */
  private static ArrayNode merges(List<Token> tokens) {
    Map<String, Integer> ids = new HashMap<>();
    for (int id = 0; id < tokens.size(); id++) {
      if (tokens.get(id).kind() == Kind.NORMAL) {
        ids.put(tokens.get(id).text(), id);
      }
    }
    List<Token> ordered = new ArrayList<>(tokens);
    ordered.removeIf(token -> token.kind() != Kind.NORMAL);
    ordered.sort(Comparator.comparingDouble(Token::score).reversed()); // keeps the order of equals
    ArrayNode merges = NODES.arrayNode();
    for (Token token : ordered) {
      String text = token.text();
      List<int[]> pairs = new ArrayList<>();
      for (int at = 1; at < text.length(); at++) {
        if (Character.isLowSurrogate(text.charAt(at))) {
          continue;
        }
        Integer left = ids.get(text.substring(0, at));
        Integer right = ids.get(text.substring(at));
        if (left != null && right != null) {
          pairs.add(new int[] {left, right});
        }
      }
      pairs.sort(Comparator.<int[]>comparingInt(pair -> pair[0]).thenComparingInt(pair -> pair[1]));
      for (int[] pair : pairs) {
        merges.addArray().add(tokens.get(pair[0]).text()).add(tokens.get(pair[1]).text());
      }
    }
    return merges;
  }
}
