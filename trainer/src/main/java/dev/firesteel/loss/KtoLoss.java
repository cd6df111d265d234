package dev.firesteel.loss;

/**
 * Kahneman-Tversky optimization (Ethayarajh et al. 2024, equations 7 and 8), on answers that are
 * each labelled good or bad, without pairs. With the log-ratio {@code r = log pi(answer) - log
 * ref(answer)} and the reference point {@code z}:
 *
 * <pre>
 * good answers  desirableWeight   (1 - sigmoid(beta (r - z)))
 * bad answers   undesirableWeight (1 - sigmoid(beta (z - r)))
 * </pre>
 *
 * @param beta strength of the pull to the reference
 * @param desirableWeight weight of good answers' losses
 * @param undesirableWeight weight of bad answers' losses
 */
public record KtoLoss(double beta, double desirableWeight, double undesirableWeight) {

  /** Checks the parameters. */
  public KtoLoss {
    Checks.positive("beta", beta);
    Checks.notNegative("the weight of good answers", desirableWeight);
    Checks.notNegative("the weight of bad answers", undesirableWeight);
  }

  /**
   * The reference point z: the mean of {@code log pi - log ref} over answers paired with prompts
   * that they do not belong to, at least 0. It estimates the KL of the policy from the reference
   * and has no gradient. Of the whole global batch, so that the loss does not depend on
   * micro-batches.
   *
   * @param logProbs of the policy, of the mismatched answers
   * @param reference the same of the reference model
   */
  public static double referencePoint(double[] logProbs, double[] reference) {
    Checks.size("the reference's log-probabilities", reference, logProbs.length);
    double sum = 0;
    for (int i = 0; i < logProbs.length; i++) {
      sum += logProbs[i] - reference[i];
    }
    return logProbs.length == 0 ? 0 : StrictMath.max(0, sum / logProbs.length);
  }

  /**
   * The loss of one part of a global batch.
   *
   * @param logProbs [answers] of the policy
   * @param reference [answers] of the reference model
   * @param good [answers], the labels
   * @param referencePoint z, see {@link #referencePoint}
   * @param denominator answers of the whole global batch
   * @param goodDenominator good answers of the whole global batch, for the measures; may be 0
   * @return the loss with its gradient with respect to {@code logProbs}
   */
  public HostLoss of(
      double[] logProbs,
      double[] reference,
      boolean[] good,
      double referencePoint,
      double denominator,
      double goodDenominator) {
    Checks.positive("the denominator", denominator);
    Checks.size("the reference's log-probabilities", reference, logProbs.length);
    if (good.length != logProbs.length) {
      throw new IllegalArgumentException(
          "loss: there must be a label for each of "
              + logProbs.length
              + " answers, got "
              + good.length);
    }
    double[] gradient = new double[logProbs.length];
    double loss = 0;
    double[] rewards = new double[2];
    double[] logs = new double[2];
    for (int i = 0; i < logProbs.length; i++) {
      double ratio = logProbs[i] - reference[i];
      double sign = good[i] ? 1 : -1;
      double weight = good[i] ? desirableWeight : undesirableWeight;
      double value = Scalars.sigmoid(sign * beta * (ratio - referencePoint));
      loss += weight * (1 - value);
      gradient[i] = -sign * weight * beta * value * (1 - value) / denominator;
      rewards[good[i] ? 0 : 1] += beta * ratio;
      logs[good[i] ? 0 : 1] += logProbs[i];
    }
    double badDenominator = denominator - goodDenominator;
    return new HostLoss(
        loss / denominator,
        gradient,
        LossMeasures.none()
            .share(LossMetrics.REWARDS_CHOSEN, mean(rewards[0], goodDenominator))
            .share(LossMetrics.REWARDS_REJECTED, mean(rewards[1], badDenominator))
            .share(
                LossMetrics.REWARDS_MARGINS,
                mean(rewards[0], goodDenominator) - mean(rewards[1], badDenominator))
            .share(LossMetrics.LOGPS_CHOSEN, mean(logs[0], goodDenominator))
            .share(LossMetrics.LOGPS_REJECTED, mean(logs[1], badDenominator)));
  }

  private static double mean(double sum, double count) {
    return count == 0 ? 0 : sum / count;
  }
}
