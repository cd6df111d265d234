package dev.firesteel.loss;

/**
 * The value loss of PPO, clipped like the policy's (Stiennon et al. 2020 and OpenAI's baselines).
 * With {@code v} a token's value, {@code v_old} that of the rollout and {@code R} the return:
 *
 * <pre>
 * loss = coefficient / 2 sum_tokens weight max((v - R)^2, (clip(v, v_old - clip, v_old + clip) - R)^2)
 *        / denominator
 * </pre>
 *
 * @param clip by which a value may move; infinity for no clipping
 * @param coefficient of the loss
 */
public record ValueLoss(double clip, double coefficient) {

  /** Checks the parameters. */
  public ValueLoss {
    if (!(clip >= 0)) {
      throw new IllegalArgumentException(
          "loss: the clip range of values must not be negative, got " + clip);
    }
    Checks.notNegative("the value loss's coefficient", coefficient);
  }

  /**
   * The loss of one part of a global batch.
   *
   * @param values [tokens] of the value model
   * @param old [tokens], the values of the rollout
   * @param returns [tokens]
   * @param weights [tokens], 0 for tokens without a value
   * @param denominator sum of the weights of the whole global batch
   * @return the loss with its gradient with respect to {@code values}
   */
  public HostLoss of(
      double[] values, double[] old, double[] returns, double[] weights, double denominator) {
    int tokens = values.length;
    Checks.positive("the denominator", denominator);
    Checks.size("the old values", old, tokens);
    Checks.size("the returns", returns, tokens);
    Checks.size("the weights", weights, tokens);
    double[] gradient = new double[tokens];
    double loss = 0;
    double clippedShare = 0;
    for (int i = 0; i < tokens; i++) {
      if (weights[i] == 0) {
        continue;
      }
      double weight = weights[i] / denominator;
      double error = values[i] - returns[i];
      double bounded = Scalars.clip(values[i], old[i] - clip, old[i] + clip) - returns[i];
      boolean clipped = bounded * bounded > error * error;
      double one = clipped ? bounded : error;
      loss += weight * one * one / 2;
      gradient[i] = clipped ? 0 : coefficient * weight * error;
      clippedShare += clipped ? weight : 0;
    }
    return new HostLoss(
        coefficient * loss,
        gradient,
        LossMeasures.none()
            .share(LossMetrics.LOSS_VALUE, loss)
            .share(LossMetrics.VALUE_CLIP_FRACTION, clippedShare));
  }

  /**
   * The share of the returns' variance that the values explain: {@code 1 - var(R - v) / var(R)};
   * NaN if the returns are all equal. Of a whole batch, because variances of parts do not add up.
   *
   * @param weights [tokens], 0 for tokens without a value
   */
  public static double explainedVariance(double[] values, double[] returns, double[] weights) {
    Checks.size("the returns", returns, values.length);
    Checks.size("the weights", weights, values.length);
    double[] errors = new double[values.length];
    for (int i = 0; i < errors.length; i++) {
      errors[i] = returns[i] - values[i];
    }
    double variance = variance(returns, weights);
    return variance == 0 ? Double.NaN : 1 - variance(errors, weights) / variance;
  }

  private static double variance(double[] x, double[] weights) {
    double total = 0;
    double sum = 0;
    for (int i = 0; i < x.length; i++) {
      total += weights[i];
      sum += weights[i] == 0 ? 0 : weights[i] * x[i];
    }
    double mean = sum / total;
    double squares = 0;
    for (int i = 0; i < x.length; i++) {
      squares += weights[i] == 0 ? 0 : weights[i] * (x[i] - mean) * (x[i] - mean);
    }
    return squares / total;
  }
}
