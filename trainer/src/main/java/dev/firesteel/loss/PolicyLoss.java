package dev.firesteel.loss;

/**
 * The clipped surrogate of PPO (Schulman et al. 2017, equation 7) on tokens. With the log-ratio
 * {@code d = log pi(token) - log old(token)}, limited to {@code [-20, 20]} so that an outlier does
 * not overflow, the ratio {@code q = e^d} and the advantage A:
 *
 * <pre>
 * l = max(-A q, -A clip(q, 1 - clipLow, 1 + clipHigh))
 * l = min(l, -A dualClip)                                   where A &lt; 0, with a dual clip
 * loss = sum_tokens weight l / denominator
 * </pre>
 *
 * <p>Different bounds are the "clip higher" of DAPO (Yu et al. 2025); the dual clip, which bounds
 * the loss of a bad token that became likely, is of Ye et al. (2020, equation 5).
 *
 * @param clipLow below 1 by which the ratio may fall; in [0, 1]
 * @param clipHigh above 1 by which the ratio may rise; infinity for no clipping
 * @param dualClip greater than 1; infinity for none
 */
public record PolicyLoss(double clipLow, double clipHigh, double dualClip) {
  /** Limit of log-ratios. */
  static final double LOG_RATIO_LIMIT = 20;

  /** Checks the parameters. */
  public PolicyLoss {
    if (!(clipLow >= 0 && clipLow <= 1 && clipHigh >= 0)) {
      throw new IllegalArgumentException(
          "loss: the clip range must be [0, 1] below and not negative above, got "
              + clipLow
              + " and "
              + clipHigh);
    }
    if (!(dualClip > 1)) {
      throw new IllegalArgumentException(
          "loss: the dual clip must be greater than 1, got " + dualClip);
    }
  }

  /** The usual loss: the same range on both sides, no dual clip. */
  public static PolicyLoss clipped(double range) {
    return new PolicyLoss(range, range, Double.POSITIVE_INFINITY);
  }

  /**
   * The loss of one part of a global batch.
   *
   * @param logProbs [tokens] of the policy
   * @param old [tokens] of the policy that sampled them
   * @param advantages [tokens]
   * @param weights [tokens], 0 for tokens that are no actions (prompt, padding); see {@link
   *     TokenGroups}
   * @param denominator of the whole global batch
   * @param counted tokens of the whole global batch whose weight is not 0: the measures, apart from
   *     the loss itself, are means over them, whichever mean the loss is
   * @return the loss with its gradient with respect to {@code logProbs}
   */
  public HostLoss of(
      double[] logProbs,
      double[] old,
      double[] advantages,
      double[] weights,
      double denominator,
      double counted) {
    int tokens = logProbs.length;
    Checks.positive("the denominator", denominator);
    Checks.positive("the tokens of the global batch", counted);
    Checks.size("the old log-probabilities", old, tokens);
    Checks.size("the advantages", advantages, tokens);
    Checks.size("the weights", weights, tokens);
    double[] gradient = new double[tokens];
    double share = 1 / counted;
    double loss = 0;
    double squares = 0;
    double low = 0;
    double high = 0;
    double dual = 0;
    double ratios = 0;
    double spread = 0;
    double least = Double.POSITIVE_INFINITY;
    double greatest = Double.NEGATIVE_INFINITY;
    for (int i = 0; i < tokens; i++) {
      if (weights[i] == 0) {
        continue;
      }
      double weight = weights[i] / denominator;
      double difference = logProbs[i] - old[i];
      double limited = Scalars.clip(difference, -LOG_RATIO_LIMIT, LOG_RATIO_LIMIT);
      double ratio = StrictMath.exp(limited);
      double advantage = advantages[i];
      double free = -advantage * ratio;
      double bounded = -advantage * Scalars.clip(ratio, 1 - clipLow, 1 + clipHigh);
      boolean clipped = bounded > free;
      double one = clipped ? bounded : free;
      boolean dualClipped = advantage < 0 && one > -advantage * dualClip;
      loss += weight * (dualClipped ? -advantage * dualClip : one);
      if (!clipped && !dualClipped && limited == difference) {
        gradient[i] = weight * free;
      }
      squares += share * difference * difference / 2;
      low += clipped && advantage < 0 ? share : 0;
      high += clipped && advantage > 0 ? share : 0;
      dual += dualClipped ? share : 0;
      ratios += share * ratio;
      spread += share * (ratio - 1) * (ratio - 1);
      least = StrictMath.min(least, ratio);
      greatest = StrictMath.max(greatest, ratio);
    }
    return new HostLoss(
        loss,
        gradient,
        LossMeasures.none()
            .share(LossMetrics.LOSS_POLICY, loss)
            .share(LossMetrics.APPROX_KL, squares)
            .share(LossMetrics.CLIP_FRACTION, low + high)
            .share(LossMetrics.CLIP_FRACTION_LOW, low)
            .share(LossMetrics.CLIP_FRACTION_HIGH, high)
            .share(LossMetrics.DUAL_CLIP_FRACTION, dual)
            .share(LossMetrics.RATIO, ratios)
            .share(LossMetrics.RATIO_VARIANCE, spread)
            .least(LossMetrics.RATIO_MIN, least)
            .greatest(LossMetrics.RATIO_MAX, greatest));
  }
}
