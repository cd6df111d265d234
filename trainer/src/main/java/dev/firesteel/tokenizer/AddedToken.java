package dev.firesteel.tokenizer;

/**
 * A token that is matched as a whole before anything else looks at the text.
 *
 * @param normalized matched only in what the tokens with {@code false} left over
 * @param lstrip swallows the white space before it
 * @param rstrip swallows the white space behind it
 * @param special recognised only by {@link Tokenizer#encodeWithSpecialTokens}
 */
record AddedToken(
    int id, String content, boolean normalized, boolean lstrip, boolean rstrip, boolean special) {

  static AddedToken special(int id, String content) {
    return new AddedToken(id, content, false, false, false, true);
  }
}
