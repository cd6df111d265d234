package dev.firesteel.reward;

import java.util.OptionalDouble;

/**
 * What happens when a reward function fails: throws, returns no score, or one that is not finite.
 * There is no time limit: a function that waits for something must have its own.
 *
 * @param substitute the score of a failed completion, where failures are counted; empty if a
 *     failure stops the run
 */
public record RewardFailures(OptionalDouble substitute) {

  /** Checks the score. */
  public RewardFailures {
    if (substitute.isPresent() && !Double.isFinite(substitute.getAsDouble())) {
      throw new IllegalArgumentException(
          "reward: the score of failures must be finite, got " + substitute.getAsDouble());
    }
  }

  /** The first failure stops the run. */
  public static RewardFailures stop() {
    return new RewardFailures(OptionalDouble.empty());
  }

  /** Failures are counted and reported, and have a score that was chosen for them. */
  public static RewardFailures count(double score) {
    return new RewardFailures(OptionalDouble.of(score));
  }
}
