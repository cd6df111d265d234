package dev.firesteel.tokenizer;

import dev.firesteel.error.UserException;
import java.util.BitSet;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.OptionalInt;

/** Tokens by id and ids by token, with the bytes that each token decodes to. */
final class Vocabulary {
  /**
   * Names that other tokenizers use for the end of a document or, last, for the end of a turn in a
   * conversation. Only a special token counts: text cannot forge it.
   */
  private static final List<String> ENDS_OF_TEXT =
      List.of(
          "<|end_of_text|>",
          "</s>",
          "<eos>",
          "[EOS]",
          "<|eos|>",
          "<\uFF5Cend\u2581of\u2581sentence\uFF5C>",
          "<|im_end|>",
          "<|eot_id|>");

  private final String[] tokens;
  private final byte[][] bytes;
  private final Map<String, Integer> ids;
  private final BitSet special;
  private final OptionalInt endOfText;

  /** Both arrays are indexed by id; they are kept, not copied. */
  Vocabulary(String[] tokens, byte[][] bytes, List<AddedToken> addedTokens) {
    this.tokens = tokens;
    this.bytes = bytes;
    this.ids = new HashMap<>(tokens.length * 2);
    this.special = new BitSet();
    for (int id = 0; id < tokens.length; id++) {
      ids.put(tokens[id], id);
    }
    for (AddedToken token : addedTokens) {
      if (token.special()) {
        special.set(token.id());
      }
    }
    this.endOfText = wellKnownEnd();
  }

  private Vocabulary(Vocabulary same, int endOfText) {
    this.tokens = same.tokens;
    this.bytes = same.bytes;
    this.ids = same.ids;
    this.special = same.special;
    this.endOfText = OptionalInt.of(checked(endOfText));
  }

  /** The same tokens with another end-of-document token. */
  Vocabulary endingWith(int id) {
    return new Vocabulary(this, id);
  }

  private OptionalInt wellKnownEnd() {
    OptionalInt own = id(Tokenizer.END_OF_TEXT);
    if (own.isPresent()) {
      return own;
    }
    return ENDS_OF_TEXT.stream()
        .flatMapToInt(name -> id(name).stream())
        .filter(special::get)
        .findFirst();
  }

  OptionalInt endOfText() {
    return endOfText;
  }

  int size() {
    return tokens.length;
  }

  /** Must not be modified. */
  String[] tokens() {
    return tokens;
  }

  OptionalInt id(String token) {
    Integer id = ids.get(token);
    return id == null ? OptionalInt.empty() : OptionalInt.of(id);
  }

  String token(int id) {
    return tokens[checked(id)];
  }

  boolean isSpecial(int id) {
    return special.get(checked(id));
  }

  byte[] decodeBytes(int[] sequence) {
    int length = 0;
    for (int id : sequence) {
      length = Math.addExact(length, bytes[checked(id)].length);
    }
    byte[] decoded = new byte[length];
    int at = 0;
    for (int id : sequence) {
      System.arraycopy(bytes[id], 0, decoded, at, bytes[id].length);
      at += bytes[id].length;
    }
    return decoded;
  }

  private int checked(int id) {
    if (id < 0 || id >= tokens.length) {
      throw UserException.usage(
          "Cannot decode the token id %d: the tokenizer has the ids 0 to %d; decode with the tokenizer that encoded"
              .formatted(id, tokens.length - 1));
    }
    return id;
  }
}
