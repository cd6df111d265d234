package dev.firesteel.tokenizer;

import com.fasterxml.jackson.core.JsonGenerator;
import com.fasterxml.jackson.databind.JsonNode;
import java.io.IOException;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.stream.IntStream;

/**
 * BPE over characters, as SentencePiece trains it (Llama 2, Mistral): a word's characters are
 * merged pair by pair in the order of the merges. A character that is not in the vocabulary becomes
 * the tokens of its UTF-8 bytes, {@code <0xE2>}, if there are such, else the unknown token.
 */
final class CharacterBpe implements WordEncoder {
  private static final int NONE = -1;

  /** The tokens of single bytes, {@code <0x00>} to {@code <0xFF>}. */
  private static final List<String> BYTE_TOKENS =
      IntStream.range(0, 256).mapToObj(b -> String.format(Locale.ROOT, "<0x%02X>", b)).toList();

  private final Map<String, Integer> vocabulary;

  /** The vocabulary without special tokens, which no plain text becomes. */
  private final Map<String, Integer> plain;

  private final String[] tokens;
  private final MergeList mergeList;
  private final Merges merges;

  /** Indexed by code point, {@link #NONE} if it is no token. */
  private final int[] idOfCodePoint;

  /** Null without byte fallback. */
  private final int[] idOfByte;

  private final String unknown;
  private final int unknownId;
  private final boolean fuseUnknown;
  private final boolean ignoreMerges;

  private CharacterBpe(
      TokenizerJson json,
      Map<String, Integer> vocabulary,
      Map<String, Integer> plain,
      String[] tokens,
      MergeList mergeList,
      int[] idOfByte) {
    JsonNode model = json.model();
    this.vocabulary = vocabulary;
    this.plain = plain;
    this.tokens = tokens;
    this.mergeList = mergeList;
    this.merges = new Merges(mergeList.left(), mergeList.right(), mergeList.merged());
    this.idOfByte = idOfByte;
    this.unknown = model.path("unk_token").textValue();
    this.unknownId = unknown == null ? NONE : vocabulary.getOrDefault(unknown, NONE);
    this.fuseUnknown = model.path("fuse_unk").asBoolean();
    this.ignoreMerges = model.path("ignore_merges").asBoolean();
    int highest =
        plain.keySet().stream()
            .filter(CharacterBpe::isCharacter)
            .mapToInt(token -> token.codePointAt(0))
            .max()
            .orElse(0);
    this.idOfCodePoint = new int[highest + 1];
    Arrays.fill(idOfCodePoint, NONE);
    plain.forEach(
        (token, id) -> {
          if (isCharacter(token)) {
            idOfCodePoint[token.codePointAt(0)] = id;
          }
        });
  }

  private static boolean isCharacter(String token) {
    return !token.isEmpty() && token.length() == Character.charCount(token.codePointAt(0));
  }

  /**
   * @param tokens indexed by id
   */
  static CharacterBpe read(TokenizerJson json, List<AddedToken> addedTokens, String[] tokens) {
    JsonNode model = json.model();
    json.requireKeys(
        "model",
        model,
        "vocab",
        "merges",
        "dropout",
        "unk_token",
        "continuing_subword_prefix",
        "end_of_word_suffix",
        "fuse_unk",
        "byte_fallback",
        "ignore_merges");
    json.requireAbsent(model, "dropout", 0.0, 0);
    json.requireAbsent(model, "continuing_subword_prefix", "");
    json.requireAbsent(model, "end_of_word_suffix", "");
    Map<String, Integer> vocabulary = json.modelVocabulary();
    int[] idOfByte = model.path("byte_fallback").asBoolean() ? bytes(json, vocabulary) : null;
    String unknown = model.path("unk_token").textValue();
    if (unknown != null && !vocabulary.containsKey(unknown)) {
      throw json.damaged(
          "model BPE needs the unknown token '%s' in its vocabulary".formatted(unknown));
    }
    if (unknown == null && idOfByte == null) {
      throw json.unsupported(
          "model BPE has neither byte_fallback nor an unk_token, so texts would lose unknown characters silently");
    }
    MergeList merges = MergeList.read(json, tokens);
    Map<String, Integer> plain = new HashMap<>(vocabulary);
    for (AddedToken added : addedTokens) {
      if (added.special()) {
        plain.remove(added.content());
      }
      for (int merged : merges.merged()) {
        if (added.special() && merged == added.id()) {
          throw json.unsupported(
              "a merge makes the special token '%s', so that any text could forge it"
                  .formatted(added.content()));
        }
      }
    }
    return new CharacterBpe(json, vocabulary, plain, tokens, merges, idOfByte);
  }

  private static int[] bytes(TokenizerJson json, Map<String, Integer> vocabulary) {
    int[] idOfByte = new int[256];
    for (int b = 0; b < 256; b++) {
      Integer id = vocabulary.get(BYTE_TOKENS.get(b));
      if (id == null) {
        throw json.unsupported(
            "byte_fallback needs the tokens <0x00> to <0xFF>, and its vocabulary has no "
                + BYTE_TOKENS.get(b));
      }
      idOfByte[b] = id;
    }
    return idOfByte;
  }

  @Override
  public void encode(String text, int start, int end, IntList ids) {
    if (ignoreMerges) {
      Integer whole = plain.get(text.substring(start, end));
      if (whole != null) {
        ids.add(whole);
        return;
      }
    }
    IntList word = new IntList(end - start);
    boolean afterUnknown = false;
    for (int i = start; i < end; ) {
      int codePoint = text.codePointAt(i);
      int next = i + Character.charCount(codePoint);
      int id = codePoint < idOfCodePoint.length ? idOfCodePoint[codePoint] : NONE;
      if (id != NONE) {
        word.add(id);
      } else if (idOfByte != null) {
        for (byte b : Utf8.encode(text, i, next)) {
          word.add(idOfByte[b & 0xFF]);
        }
      } else if (!afterUnknown || !fuseUnknown) {
        word.add(unknownId);
      }
      afterUnknown = id == NONE && idOfByte == null;
      i = next;
    }
    int[] symbols = word.toArray();
    ids.addAll(symbols, merges.apply(symbols, symbols.length));
  }

  @Override
  public void write(JsonGenerator json) throws IOException {
    json.writeStringField("type", "BPE");
    json.writeNullField("dropout");
    json.writeStringField("unk_token", unknown);
    json.writeNullField("continuing_subword_prefix");
    json.writeNullField("end_of_word_suffix");
    json.writeBooleanField("fuse_unk", fuseUnknown);
    json.writeBooleanField("byte_fallback", idOfByte != null);
    json.writeBooleanField("ignore_merges", ignoreMerges);
    TokenizerJson.writeVocabulary(json, vocabulary);
    mergeList.write(json, tokens);
  }
}
