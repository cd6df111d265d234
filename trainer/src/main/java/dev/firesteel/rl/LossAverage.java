package dev.firesteel.rl;

import dev.firesteel.loss.TokenGroups;
import java.util.Arrays;

/**
 * The mean that a loss over tokens is: weights for losses such as {@code PolicyLoss}, and this
 * part's share of their denominator. Both come from the same {@link TokenGroups}: completions to be
 * left out of the loss are left out with {@link TokenGroups#only}, and then in neither (TRL issue
 * 6439).
 */
public enum LossAverage {
  /** The mean over completions of the mean over their tokens (GRPO). */
  SEQUENCES,
  /** The mean over tokens: long completions count more (PPO, DAPO). */
  TOKENS,
  /**
   * The sum over tokens, divided by completions times the maximum length (Dr. GRPO): a token's
   * weight depends on nothing else.
   */
  MAX_LENGTH;

  /** [tokens], the weights of tokens; 0 for those that are no actions. */
  public double[] weights(TokenGroups tokens) {
    return switch (this) {
      case SEQUENCES -> tokens.sequenceWeights();
      case TOKENS, MAX_LENGTH -> tokens.tokenWeights();
    };
  }

  /**
   * A part's share of the denominator. Shares of parts add up exactly; the denominator is at least
   * 1, see {@link #denominator}.
   *
   * @param tokens the part's actions
   * @param maxLength of a completion, in tokens; only {@link #MAX_LENGTH} uses it
   */
  public double share(TokenGroups tokens, int maxLength) {
    if (maxLength < 1) {
      throw new IllegalArgumentException(
          "rl: the maximum length of completions must be at least 1, got " + maxLength);
    }
    double sequences = 0;
    for (int i = 0; i < tokens.count(); i++) {
      sequences += tokens.length(i) > 0 ? 1 : 0;
    }
    return switch (this) {
      case SEQUENCES -> sequences;
      case TOKENS -> tokens.tokens();
      case MAX_LENGTH -> sequences * maxLength;
    };
  }

  /** The denominator of given shares of all parts; 1 where nothing is in the loss, which is 0. */
  public static double denominator(double... shares) {
    return StrictMath.max(1, Arrays.stream(shares).sum());
  }
}
