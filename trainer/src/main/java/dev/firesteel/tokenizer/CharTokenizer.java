package dev.firesteel.tokenizer;

import com.fasterxml.jackson.core.JsonGenerator;
import com.fasterxml.jackson.databind.JsonNode;
import dev.firesteel.error.UserException;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.BitSet;
import java.util.Iterator;
import java.util.List;
import java.util.OptionalInt;

/**
 * One token per character (Unicode code point): the sorted distinct characters of the training
 * text, as in nanoGPT's {@code shakespeare_char}. Characters outside the vocabulary are rejected.
 *
 * <p>In {@code tokenizer.json}: a WordLevel model after a split into single characters.
 */
public final class CharTokenizer implements Tokenizer {
  /** Any one character, line ends included. */
  private static final String ANY_CHARACTER = "[\\s\\S]";

  /**
   * Hugging Face's WordLevel must name a token for unknown words. This one is not in the
   * vocabulary, so that library rejects unknown characters as we do.
   */
  private static final String UNKNOWN = "<unk>";

  private final Vocabulary vocabulary;
  private final AddedTokens addedTokens;
  private final int characters;
  // Indexed by code point, -1 if the vocabulary lacks it.
  private final int[] idOfCodePoint;

  private CharTokenizer(String[] tokens, List<AddedToken> addedTokens) {
    this.addedTokens = new AddedTokens(addedTokens);
    byte[][] bytes = new byte[tokens.length][];
    BitSet added = new BitSet();
    addedTokens.forEach(token -> added.set(token.id()));
    int highest = -1;
    for (int id = 0; id < tokens.length; id++) {
      bytes[id] = tokens[id].getBytes(StandardCharsets.UTF_8);
      if (!added.get(id)) {
        highest = Math.max(highest, tokens[id].codePointAt(0));
      }
    }
    this.vocabulary = new Vocabulary(tokens, bytes, addedTokens);
    this.characters = tokens.length - added.cardinality();
    this.idOfCodePoint = new int[highest + 1];
    Arrays.fill(idOfCodePoint, -1);
    for (int id = 0; id < tokens.length; id++) {
      if (!added.get(id)) {
        idOfCodePoint[tokens[id].codePointAt(0)] = id;
      }
    }
  }

  /**
   * The distinct characters of {@code documents} in the order of their code points, from id 0.
   * There is no end-of-text token: the vocabulary of tinyshakespeare is nanoGPT's 65.
   */
  public static CharTokenizer train(Iterator<String> documents) {
    BitSet codePoints = new BitSet();
    while (documents.hasNext()) {
      String document = documents.next();
      for (int i = 0; i < document.length(); ) {
        int codePoint = Utf8.codePoint(document, i, document.length());
        codePoints.set(codePoint);
        i += Character.charCount(codePoint);
      }
    }
    if (codePoints.isEmpty()) {
      throw UserException.usage(
          "Cannot train a character tokenizer on no text: give at least one document that is not empty");
    }
    String[] tokens = codePoints.stream().mapToObj(Character::toString).toArray(String[]::new);
    return new CharTokenizer(tokens, List.of());
  }

  /** This tokenizer with {@link #END_OF_TEXT} as its last id, for text of several documents. */
  public CharTokenizer withEndOfText() {
    if (endOfText().isPresent()) {
      return this;
    }
    String[] tokens = Arrays.copyOf(vocabulary.tokens(), vocabulary.size() + 1);
    tokens[vocabulary.size()] = END_OF_TEXT;
    return new CharTokenizer(tokens, List.of(AddedToken.special(vocabulary.size(), END_OF_TEXT)));
  }

  private CharTokenizer(CharTokenizer same, Vocabulary vocabulary) {
    this.vocabulary = vocabulary;
    this.addedTokens = same.addedTokens;
    this.characters = same.characters;
    this.idOfCodePoint = same.idOfCodePoint;
  }

  @Override
  public CharTokenizer endingWith(int id) {
    return new CharTokenizer(this, vocabulary.endingWith(id));
  }

  @Override
  public int vocabularySize() {
    return vocabulary.size();
  }

  @Override
  public int[] encode(String text) {
    return encode(text, false);
  }

  @Override
  public int[] encodeWithSpecialTokens(String text) {
    return encode(text, true);
  }

  private int[] encode(String text, boolean withSpecial) {
    IntList ids = new IntList(text.length());
    addedTokens.cut(
        text,
        withSpecial,
        new AddedTokens.Parts() {
          @Override
          public void text(int start, int end) {
            for (int i = start; i < end; ) {
              int codePoint = Utf8.codePoint(text, i, end);
              ids.add(id(codePoint, i));
              i += Character.charCount(codePoint);
            }
          }

          @Override
          public void token(int id) {
            ids.add(id);
          }
        });
    return ids.toArray();
  }

  private int id(int codePoint, int at) {
    int id = codePoint < idOfCodePoint.length ? idOfCodePoint[codePoint] : -1;
    if (id < 0) {
      String shown =
          Character.isISOControl(codePoint) ? "" : "'" + Character.toString(codePoint) + "' ";
      throw UserException.usage(
          "Cannot encode the character %s(U+%04X) at index %d: the tokenizer knows only the %d characters of its training text; train it on this text too, or use a BPE tokenizer"
              .formatted(shown, codePoint, at, characters));
    }
    return id;
  }

  @Override
  public byte[] decodeBytes(int... ids) {
    return vocabulary.decodeBytes(ids);
  }

  @Override
  public OptionalInt id(String token) {
    return vocabulary.id(token);
  }

  @Override
  public String token(int id) {
    return vocabulary.token(id);
  }

  @Override
  public boolean isSpecial(int id) {
    return vocabulary.isSpecial(id);
  }

  @Override
  public OptionalInt endOfText() {
    return vocabulary.endOfText();
  }

  @Override
  public String toJson() {
    return TokenizerJson.write(
        addedTokens.tokens(),
        null,
        CharTokenizer::writeSplit,
        null,
        json -> json.writeStringField("type", "Fuse"),
        this::writeModel);
  }

  private static void writeSplit(JsonGenerator json) throws IOException {
    json.writeStringField("type", "Split");
    json.writeObjectFieldStart("pattern");
    json.writeStringField("Regex", ANY_CHARACTER);
    json.writeEndObject();
    json.writeStringField("behavior", "Isolated");
    json.writeBooleanField("invert", false);
  }

  private void writeModel(JsonGenerator json) throws IOException {
    json.writeStringField("type", "WordLevel");
    TokenizerJson.writeVocabulary(json, vocabulary.tokens());
    json.writeStringField("unk_token", UNKNOWN);
  }

  /** Reads a file whose model is WordLevel. */
  static CharTokenizer read(TokenizerJson json) {
    JsonNode root = json.root();
    json.requireAbsent(root, "truncation");
    json.requireAbsent(root, "padding");
    json.requireAbsent(root, "normalizer");
    json.requireAbsent(root, "post_processor");
    JsonNode split = root.path("pre_tokenizer");
    if (!split.path("type").asText().equals("Split")
        || !split.path("behavior").asText().equals("Isolated")
        || split.path("invert").asBoolean()
        || !split.path("pattern").path("Regex").asText().equals(ANY_CHARACTER)) {
      throw json.unsupported(
          "of WordLevel models only character tokenizers (pre_tokenizer Split at the regex %s) are supported, got pre_tokenizer %s"
              .formatted(ANY_CHARACTER, TokenizerJson.describe(split)));
    }
    JsonNode decoder = root.path("decoder");
    if (!decoder.path("type").asText().equals("Fuse")) {
      throw json.unsupported(
          "decoder %s is not supported: a character tokenizer needs Fuse"
              .formatted(TokenizerJson.describe(decoder)));
    }
    List<AddedToken> addedTokens = json.addedTokens();
    String[] tokens = json.vocabulary(addedTokens);
    BitSet added = new BitSet();
    addedTokens.forEach(token -> added.set(token.id()));
    String unknown = json.model().path("unk_token").asText();
    for (int id = 0; id < tokens.length; id++) {
      if (tokens[id].equals(unknown)) {
        throw json.unsupported(
            "a token for unknown characters ('%s') is not supported: they are rejected instead"
                .formatted(unknown));
      }
      if (!added.get(id) && tokens[id].codePointCount(0, tokens[id].length()) != 1) {
        throw json.unsupported(
            "a character tokenizer has one character a token, got '%s'".formatted(tokens[id]));
      }
    }
    return new CharTokenizer(tokens, addedTokens);
  }
}
