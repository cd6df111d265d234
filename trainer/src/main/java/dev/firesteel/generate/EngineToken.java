package dev.firesteel.generate;

import java.util.Optional;

/**
 * One more token of a completion.
 *
 * @param completion index of the completion in its request
 * @param token the id
 * @param ends whether the token is one that ends completions, which is no part of the text
 * @param text the completion's text that has newly become final; empty while a character is
 *     incomplete or a stop string may have begun, and longer afterwards
 * @param scores log-probabilities, if they are wanted
 * @param reason why the completion has ended with this token; empty if it has not
 */
public record EngineToken(
    int completion,
    int token,
    boolean ends,
    String text,
    Optional<TokenScores> scores,
    Optional<FinishReason> reason) {}
