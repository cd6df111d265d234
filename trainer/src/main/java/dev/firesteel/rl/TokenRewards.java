package dev.firesteel.rl;

import dev.firesteel.loss.KlEstimator;
import dev.firesteel.loss.TokenGroups;

/**
 * Rewards of actions: the KL penalty {@code -beta k(log old, log ref)} on every action, and the
 * completion's reward on the last one, which is its end token if it ended (Ziegler et al. 2019,
 * equation 2). TRL adds it one position later, to the padding behind the end (TRL issue 1893),
 * where no action is.
 *
 * @param estimator k
 */
public record TokenRewards(KlEstimator estimator) {

  /**
   * The estimates of the KL of the policy at the rollout from the reference.
   *
   * @param old [tokens], log-probabilities of the policy that sampled them
   * @param reference [tokens], those of the reference model
   * @param tokens the actions
   * @return [tokens], 0 where there is no action
   */
  public double[] kl(double[] old, double[] reference, TokenGroups tokens) {
    Checks.tokens("the old log-probabilities", old, tokens);
    Checks.tokens("the reference's log-probabilities", reference, tokens);
    double[] kl = new double[old.length];
    for (int i = 0; i < kl.length; i++) {
      kl[i] = tokens.sequence(i) < 0 ? 0 : estimator.value(old[i], reference[i]);
    }
    return kl;
  }

  /**
   * The penalties on KL alone, TRL's non-score reward.
   *
   * @param kl [tokens], see {@link #kl}
   * @param coefficient beta
   * @return [tokens]
   */
  public static double[] penalties(double[] kl, double coefficient) {
    Checks.notNegative("the KL coefficient", coefficient);
    double[] penalties = new double[kl.length];
    for (int i = 0; i < kl.length; i++) {
      penalties[i] = 0 - coefficient * kl[i];
    }
    return penalties;
  }

  /**
   * Penalties with the reward of each completion on its last action. A completion without actions
   * has no place for one.
   *
   * @param penalties [tokens], see {@link #penalties}
   * @param rewards [sequences]
   * @param tokens the actions
   * @return [tokens]
   */
  public static double[] withRewards(double[] penalties, double[] rewards, TokenGroups tokens) {
    Checks.tokens("the penalties", penalties, tokens);
    Checks.sequences("rewards", rewards, tokens);
    double[] sums = penalties.clone();
    boolean[] placed = new boolean[rewards.length];
    for (int i = sums.length - 1; i >= 0; i--) {
      int sequence = tokens.sequence(i);
      if (sequence >= 0 && !placed[sequence]) {
        sums[i] += rewards[sequence];
        placed[sequence] = true;
      }
    }
    return sums;
  }
}
