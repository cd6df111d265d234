package dev.firesteel.generate;

/** Receives tokens as they are generated. */
@FunctionalInterface
public interface TokenListener {
  /** Ignores all tokens. */
  TokenListener NONE = (prompt, token, text) -> {};

  /**
   * One more token of a completion.
   *
   * @param prompt index of its prompt
   * @param token its id
   * @param text the completion's text that has newly become final; often the token's, but empty
   *     while a character is incomplete or a stop string may have begun, and longer afterwards
   */
  void onToken(int prompt, int token, String text);
}
