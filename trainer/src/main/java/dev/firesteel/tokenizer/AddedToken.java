package dev.firesteel.tokenizer;

/**
 * A token that is matched as a whole before anything else looks at the text.
 *
 * @param normalized matched only in text that the tokens with {@code false} did not match
 * @param lstrip consumes the white space before it
 * @param rstrip consumes the white space after it
 * @param special recognized only by {@link Tokenizer#encodeWithSpecialTokens}
 */
record AddedToken(
    int id, String content, boolean normalized, boolean lstrip, boolean rstrip, boolean special) {

  static AddedToken special(int id, String content) {
    return new AddedToken(id, content, false, false, false, true);
  }

  /** This token with another spelling. */
  AddedToken spelled(String other) {
    return new AddedToken(id, other, normalized, lstrip, rstrip, special);
  }
}
