package dev.firesteel.loss;

/**
 * The loss of a reward model on comparisons, after Bradley and Terry (1952):
 *
 * <pre>
 * loss = sum_pairs weight (-log sigmoid(r_chosen - r_rejected - margin)
 *                          + centering (r_chosen + r_rejected)^2) / denominator
 * </pre>
 *
 * <p>Margins as in Llama 2 (Touvron et al. 2023, equation 2); rankings of K answers as all their
 * pairs, as in InstructGPT (Ouyang et al. 2022, section 3.5); centering, which keeps the rewards'
 * mean near 0, as in Eisenstein et al. (2023) and TRL, where it is 0.01 if used.
 *
 * @param centering coefficient of the centering term; 0 for none
 */
public record RewardModelLoss(double centering) {

  /** Checks the coefficient. */
  public RewardModelLoss {
    Checks.notNegative("the centering coefficient", centering);
  }

  /**
   * The loss of one part of a global batch.
   *
   * @param rewards [answers], each at its last real token
   * @param pairs comparisons of these answers
   * @param denominator {@link AnswerPairs#weight} of the whole global batch
   * @return the loss with its gradient with respect to {@code rewards}
   */
  public HostLoss of(double[] rewards, AnswerPairs pairs, double denominator) {
    Checks.positive("the denominator", denominator);
    pairs.requireAnswers(rewards.length);
    double[] gradient = new double[rewards.length];
    double loss = 0;
    double correct = 0;
    double margins = 0;
    double means = 0;
    double least = Double.POSITIVE_INFINITY;
    double greatest = Double.NEGATIVE_INFINITY;
    for (AnswerPairs.Pair pair : pairs.pairs()) {
      double chosen = rewards[pair.chosen()];
      double rejected = rewards[pair.rejected()];
      double weight = pair.weight() / denominator;
      double x = chosen - rejected - pair.margin();
      double sum = chosen + rejected;
      loss += weight * (Scalars.negativeLogSigmoid(x) + centering * sum * sum);
      double pull = -Scalars.sigmoid(-x);
      double center = 2 * centering * sum;
      gradient[pair.chosen()] += weight * (pull + center);
      gradient[pair.rejected()] += weight * (-pull + center);
      correct += chosen > rejected ? weight : 0;
      margins += weight * (chosen - rejected);
      means += weight * sum / 2;
      least = StrictMath.min(least, StrictMath.min(chosen, rejected));
      greatest = StrictMath.max(greatest, StrictMath.max(chosen, rejected));
    }
    return new HostLoss(
        loss,
        gradient,
        LossMeasures.none()
            .share(LossMetrics.ACCURACY, correct)
            .share(LossMetrics.MARGIN, margins)
            .share(LossMetrics.MEAN_REWARD, means)
            .least(LossMetrics.MIN_REWARD, least)
            .greatest(LossMetrics.MAX_REWARD, greatest));
  }
}
