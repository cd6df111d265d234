package dev.firesteel.rl;

import dev.firesteel.loss.TokenGroups;

/**
 * Gives the numbers of a batch's actions mean 0 and variance 1: {@code (x - mean) / sqrt(variance +
 * 1e-8)}, with the population's variance over the actions of the whole batch, across ranks (Huang
 * et al. 2024, "The N implementation details of RLHF with PPO"). Advantages lose their mean;
 * rewards keep it, because it says how good a completion is.
 *
 * @param keepMean whether the mean is added again
 */
public record Whitening(boolean keepMean) {
  private static final double EPSILON = 1e-8;

  /**
   * The whitened numbers.
   *
   * @param values [tokens]
   * @param tokens the actions
   * @param batch {@link Distribution#ofTokens} of the whole batch; of all ranks
   * @return [tokens], 0 where there is no action
   */
  public double[] of(double[] values, TokenGroups tokens, Distribution batch) {
    Checks.tokens("numbers to be whitened", values, tokens);
    double[] whitened = new double[values.length];
    double mean = batch.mean();
    double scale = 1 / StrictMath.sqrt(batch.variance() + EPSILON);
    for (int i = 0; i < values.length; i++) {
      if (tokens.sequence(i) >= 0) {
        whitened[i] = (values[i] - mean) * scale + (keepMean ? mean : 0);
      }
    }
    return whitened;
  }
}
