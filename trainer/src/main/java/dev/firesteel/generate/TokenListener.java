package dev.firesteel.generate;

/** Hears of tokens as they are generated. */
@FunctionalInterface
public interface TokenListener {
  /** Hears nothing. */
  TokenListener NONE = (prompt, token, text) -> {};

  /**
   * One more token of a completion.
   *
   * @param prompt index of its prompt
   * @param token its id
   * @param text what is now certain of the completion's text and was not before; often the token's,
   *     but nothing while a character is incomplete or a stop string may have begun, and then more
   */
  void onToken(int prompt, int token, String text);
}
