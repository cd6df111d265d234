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
   * @param denominator of the whole global batch
   * @param counted tokens of the whole global batch whose weight is not 0, over which the measure
   *     is a mean
   * @return the loss with its gradient with respect to {@code entropies}
   */
  public HostLoss of(double[] entropies, double[] weights, double denominator, double counted) {
    Checks.positive("the denominator", denominator);
    Checks.positive("the tokens of the global batch", counted);
    Checks.size("the weights", weights, entropies.length);
    double[] gradient = new double[entropies.length];
    double loss = 0;
    double mean = 0;
    for (int i = 0; i < entropies.length; i++) {
      if (weights[i] != 0) {
        double weight = weights[i] / denominator;
        loss += weight * entropies[i];
        mean += entropies[i] / counted;
        gradient[i] = -coefficient * weight;
      }
    }
    return new HostLoss(
        -coefficient * loss, gradient, LossMeasures.none().share(LossMetrics.ENTROPY, mean));
  }
}
