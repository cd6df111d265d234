package dev.firesteel.tokenizer;

import dev.firesteel.error.UserException;
import java.util.BitSet;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.OptionalInt;

/** Tokens by id and ids by token, with the bytes that each token decodes to. */
final class Vocabulary {
  private final String[] tokens;
  private final byte[][] bytes;
  private final Map<String, Integer> ids;
  private final BitSet special = new BitSet();

  /** Index is the id in both arrays, which are kept, not copied. */
  Vocabulary(String[] tokens, byte[][] bytes, List<AddedToken> addedTokens) {
    this.tokens = tokens;
    this.bytes = bytes;
    this.ids = new HashMap<>(tokens.length * 2);
    for (int id = 0; id < tokens.length; id++) {
      ids.put(tokens[id], id);
    }
    for (AddedToken token : addedTokens) {
      if (token.special()) {
        special.set(token.id());
      }
    }
  }

  int size() {
    return tokens.length;
  }

  /** Not to be written to. */
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
