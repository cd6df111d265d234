package dev.firesteel.loss;

/**
 * A penalty on the distance from a reference as a term of the loss (GRPO; Shao et al. 2024,
 * equation 3): {@code loss = coefficient sum_tokens weight k(log pi, log ref) / denominator}. A
 * penalty in the reward, as in PPO, uses {@link KlEstimator#value} instead.
 *
 * @param estimator k
 * @param coefficient beta
 */
public record KlPenalty(KlEstimator estimator, double coefficient) {

  /** Checks the coefficient. */
  public KlPenalty {
    Checks.notNegative("the coefficient of the KL penalty", coefficient);
  }

  /**
   * The penalty of one part of a global batch.
   *
   * @param logProbs [tokens] of the policy
   * @param reference [tokens] of the reference model
   * @param weights [tokens], 0 for tokens that are no actions
   * @param denominator of the whole global batch
   * @param counted tokens of the whole global batch whose weight is not 0, over which the measure
   *     is a mean
   * @return the loss with its gradient with respect to {@code logProbs}
   */
  public HostLoss of(
      double[] logProbs, double[] reference, double[] weights, double denominator, double counted) {
    int tokens = logProbs.length;
    Checks.positive("the denominator", denominator);
    Checks.positive("the tokens of the global batch", counted);
    Checks.size("the reference's log-probabilities", reference, tokens);
    Checks.size("the weights", weights, tokens);
    double[] gradient = new double[tokens];
    double loss = 0;
    double mean = 0;
    for (int i = 0; i < tokens; i++) {
      if (weights[i] != 0) {
        double weight = weights[i] / denominator;
        double kl = estimator.value(logProbs[i], reference[i]);
        loss += weight * kl;
        mean += kl / counted;
        gradient[i] = coefficient * weight * estimator.slope(logProbs[i], reference[i]);
      }
    }
    return new HostLoss(
        coefficient * loss, gradient, LossMeasures.none().share(LossMetrics.KL, mean));
  }
}
