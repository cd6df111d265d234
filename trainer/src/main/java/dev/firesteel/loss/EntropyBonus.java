package dev.firesteel.loss;

/**
 * A bonus on the policy's entropy, which keeps it exploring (Mnih et al. 2016): {@code loss =
 * -coefficient sum_tokens weight entropy / denominator}.
 *
 * @param coefficient of the bonus; with 0 the entropy is only reported
 */
public record EntropyBonus(double coefficient) {

  /** Checks the coefficient. */
  public EntropyBonus {
    Checks.notNegative("the coefficient of the entropy bonus", coefficient);
  }

  /**
   * The bonus of one part of a global batch.
   *
   * @param entropies [tokens] of the policy's distributions
   * @param weights [tokens], 0 for tokens that are no actions
   * @param denominator sum of the weights of the whole global batch
   * @return the loss with its gradient with respect to {@code entropies}
   */
  public HostLoss of(double[] entropies, double[] weights, double denominator) {
    Checks.positive("the denominator", denominator);
    Checks.size("the weights", weights, entropies.length);
    double[] gradient = new double[entropies.length];
    double mean = 0;
    for (int i = 0; i < entropies.length; i++) {
      if (weights[i] != 0) {
        double weight = weights[i] / denominator;
        mean += weight * entropies[i];
        gradient[i] = -coefficient * weight;
      }
    }
    return new HostLoss(
        -coefficient * mean, gradient, LossMeasures.none().share(LossMetrics.ENTROPY, mean));
  }
}
