package dev.firesteel.tokenizer;

import com.fasterxml.jackson.core.JsonGenerator;
import com.fasterxml.jackson.databind.JsonNode;
import java.io.IOException;
import java.util.HashMap;
import java.util.List;
import java.util.Map;

/**
 * BERT's WordPiece: from its beginning on, a word is cut into the longest pieces that are in the
 * vocabulary, where the pieces after the first have a prefix ({@code ##}). A word that cannot be
 * cut, or is too long, becomes the unknown token.
 *
 * <p>Source: Wu et al., Google's Neural Machine Translation System (2016), section 4.1, as BERT's
 * {@code tokenization.py} does it.
 */
final class WordPiece implements WordEncoder {
  private final Map<String, Integer> vocabulary = new HashMap<>();
  private final Map<String, Integer> pieces = new HashMap<>();
  private final int longest;
  private final String unknown;
  private final int unknownId;
  private final String prefix;
  private final int maximumCharacters;

  private WordPiece(
      Map<String, Integer> vocabulary,
      List<AddedToken> addedTokens,
      String unknown,
      String prefix,
      int maximumCharacters) {
    this.vocabulary.putAll(vocabulary);
    this.pieces.putAll(vocabulary);
    // No text spells a special token: one that is a word would make an id that means another thing.
    addedTokens.stream().filter(AddedToken::special).forEach(t -> pieces.remove(t.content()));
    this.longest = pieces.keySet().stream().mapToInt(String::length).max().orElse(0);
    this.unknown = unknown;
    this.unknownId = vocabulary.get(unknown);
    this.prefix = prefix;
    this.maximumCharacters = maximumCharacters;
  }

  static WordPiece read(TokenizerJson json, List<AddedToken> addedTokens) {
    JsonNode model = json.model();
    json.requireKeys(
        "model",
        model,
        "vocab",
        "unk_token",
        "continuing_subword_prefix",
        "max_input_chars_per_word");
    Map<String, Integer> vocabulary = json.modelVocabulary();
    String unknown = json.text("model", model, "unk_token");
    if (!vocabulary.containsKey(unknown)) {
      throw json.damaged(
          "model WordPiece needs the unknown token '%s' in its vocabulary".formatted(unknown));
    }
    JsonNode maximum = model.path("max_input_chars_per_word");
    if (!maximum.canConvertToInt() || !maximum.isIntegralNumber() || maximum.intValue() < 0) {
      throw json.damaged(
          "max_input_chars_per_word of model WordPiece must be an integer from 0, got "
              + TokenizerJson.describe(maximum));
    }
    return new WordPiece(
        vocabulary,
        addedTokens,
        unknown,
        json.text("model", model, "continuing_subword_prefix"),
        maximum.intValue());
  }

  @Override
  public void encode(String text, int start, int end, IntList ids) {
    int before = ids.size();
    boolean known = text.codePointCount(start, end) <= maximumCharacters;
    for (int at = start; known && at < end; ) {
      int pieceEnd = pieceEnd(text, start, at, end, ids);
      known = pieceEnd > at;
      at = pieceEnd;
    }
    if (!known) {
      ids.truncate(before);
      ids.add(unknownId);
    }
  }

  /** Adds the longest piece from {@code at} on; its end, or {@code at} if there is none. */
  private int pieceEnd(String text, int start, int at, int end, IntList ids) {
    for (int i = Math.min(end, at + longest); i > at; i--) {
      boolean halfCharacter = i < end && Character.isLowSurrogate(text.charAt(i));
      if (!halfCharacter) {
        String piece = text.substring(at, i);
        Integer id = pieces.get(at == start ? piece : prefix + piece);
        if (id != null) {
          ids.add(id);
          return i;
        }
      }
    }
    return at;
  }

  @Override
  public void write(JsonGenerator json) throws IOException {
    json.writeStringField("type", "WordPiece");
    json.writeStringField("unk_token", unknown);
    json.writeStringField("continuing_subword_prefix", prefix);
    json.writeNumberField("max_input_chars_per_word", maximumCharacters);
    TokenizerJson.writeVocabulary(json, vocabulary);
  }
}
