package dev.firesteel.generate;

import dev.firesteel.error.UserException;
import java.util.Map;

/**
 * What is added to logits before a token is chosen, as OpenAI's protocol has it: {@code logit(v) +=
 * bias(v) - count(v) * frequencyPenalty - [count(v) > 0] * presencePenalty}, where count(v) is how
 * often token v occurs in the completion so far. Source: OpenAI's API reference, "Frequency and
 * presence penalties".
 *
 * @param frequencyPenalty -2 to 2; 0 for none
 * @param presencePenalty -2 to 2; 0 for none
 * @param bias by token, -100 to 100
 */
public record LogitAdjustments(
    double frequencyPenalty, double presencePenalty, Map<Integer, Double> bias) {
  /** Nothing is added. */
  public static final LogitAdjustments NONE = new LogitAdjustments(0, 0, Map.of());

  /** Checks the ranges. */
  public LogitAdjustments {
    bias = Map.copyOf(bias);
    requirePenalty("frequency_penalty", frequencyPenalty);
    requirePenalty("presence_penalty", presencePenalty);
    bias.forEach(
        (token, value) -> {
          if (token < 0 || !(Math.abs(value) <= 100)) {
            throw UserException.usage(
                "logit_bias must give ids of tokens a number from -100 to 100, got %s for %s: correct it"
                    .formatted(value, token));
          }
        });
  }

  private static void requirePenalty(String name, double value) {
    if (!(Math.abs(value) <= 2)) {
      throw UserException.usage(
          "%s must be a number from -2 to 2, got %s: correct it".formatted(name, value));
    }
  }

  /** Whether anything is added. */
  boolean any() {
    return frequencyPenalty != 0 || presencePenalty != 0 || !bias.isEmpty();
  }

  /**
   * Adds in place.
   *
   * @param logits of which {@code [start, start + vocabulary)} are adjusted; a token beyond them is
   *     ignored
   * @param counts how often each token occurs in the completion so far
   */
  void apply(float[] logits, int start, int vocabulary, Map<Integer, Integer> counts) {
    bias.forEach(
        (token, value) -> {
          if (token < vocabulary) {
            logits[start + token] += value.floatValue();
          }
        });
    counts.forEach(
        (token, count) ->
            logits[start + token] -= (float) (count * frequencyPenalty + presencePenalty));
  }
}
