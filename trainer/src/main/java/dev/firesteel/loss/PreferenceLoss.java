package dev.firesteel.loss;

/**
 * Losses of direct preference optimization (Rafailov et al. 2023) on pairs of a chosen and a
 * rejected answer to one prompt. With the log-ratios {@code c = log pi(chosen) - log ref(chosen)}
 * and {@code r} of the rejected answer, and {@code h = c - r}:
 *
 * <pre>
 * SIGMOID  -(1 - smoothing) log sigmoid(beta h) - smoothing log sigmoid(-beta h)
 * IPO      (h - 1 / (2 beta))^2
 * HINGE    max(0, 1 - beta h)
 * </pre>
 *
 * <p>SIGMOID is equation 7 of Rafailov et al.; with smoothing it is the conservative DPO of
 * Mitchell (2023). IPO is equation 17 of Azar et al. (2023), HINGE the loss of SLiC (Zhao et al.
 * 2023) on log-ratios. Answers' log-probabilities are sums over their tokens ({@link
 * TokenGroups#sums}), or means, which normalizes by length ({@link TokenGroups#means}; what TRL
 * does for IPO).
 *
 * @param beta strength of the pull to the reference
 * @param smoothing probability that a label is wrong; only for SIGMOID, below 0.5
 */
public record PreferenceLoss(Kind kind, double beta, double smoothing) {

  /** The function of a pair's difference of log-ratios. */
  public enum Kind {
    SIGMOID,
    IPO,
    HINGE
  }

  /** Checks the parameters. */
  public PreferenceLoss {
    Checks.positive("beta", beta);
    if (!(smoothing >= 0 && smoothing < 0.5)) {
      throw new IllegalArgumentException(
          "loss: label smoothing must be at least 0 and below 0.5, got " + smoothing);
    }
    if (smoothing > 0 && kind != Kind.SIGMOID) {
      throw new IllegalArgumentException(
          "loss: label smoothing requires the loss SIGMOID, got " + kind);
    }
  }

  /**
   * The loss of one part of a global batch. Log-probabilities are [2 n]: those of n chosen answers,
   * then of the n rejected ones in the same order, as of two halves of a batch.
   *
   * @param logProbs of the policy
   * @param reference of the reference model; zeros for a loss without one
   * @param denominator pairs of the whole global batch
   * @return the loss with its gradient with respect to {@code logProbs}
   */
  public HostLoss of(double[] logProbs, double[] reference, double denominator) {
    Checks.positive("the denominator", denominator);
    Checks.size("the reference's log-probabilities", reference, logProbs.length);
    if (logProbs.length % 2 != 0) {
      throw new IllegalArgumentException(
          "loss: log-probabilities must be of as many chosen as rejected answers, got "
              + logProbs.length
              + " in all");
    }
    int pairs = logProbs.length / 2;
    double[] gradient = new double[logProbs.length];
    double loss = 0;
    double chosenRewards = 0;
    double rejectedRewards = 0;
    double correct = 0;
    double chosenLogProbs = 0;
    double rejectedLogProbs = 0;
    for (int i = 0; i < pairs; i++) {
      double chosen = logProbs[i] - reference[i];
      double rejected = logProbs[pairs + i] - reference[pairs + i];
      double h = chosen - rejected;
      loss += value(h);
      gradient[i] = slope(h) / denominator;
      gradient[pairs + i] = -gradient[i];
      chosenRewards += beta * chosen;
      rejectedRewards += beta * rejected;
      correct += chosen > rejected ? 1 : 0;
      chosenLogProbs += logProbs[i];
      rejectedLogProbs += logProbs[pairs + i];
    }
    return new HostLoss(
        loss / denominator,
        gradient,
        LossMeasures.none()
            .share(LossMetrics.REWARDS_CHOSEN, chosenRewards / denominator)
            .share(LossMetrics.REWARDS_REJECTED, rejectedRewards / denominator)
            .share(LossMetrics.REWARDS_MARGINS, (chosenRewards - rejectedRewards) / denominator)
            .share(LossMetrics.REWARDS_ACCURACIES, correct / denominator)
            .share(LossMetrics.LOGPS_CHOSEN, chosenLogProbs / denominator)
            .share(LossMetrics.LOGPS_REJECTED, rejectedLogProbs / denominator));
  }

  private double value(double h) {
    return switch (kind) {
      case SIGMOID ->
          (1 - smoothing) * Scalars.negativeLogSigmoid(beta * h)
              + smoothing * Scalars.negativeLogSigmoid(-beta * h);
      case IPO -> (h - 1 / (2 * beta)) * (h - 1 / (2 * beta));
      case HINGE -> StrictMath.max(0, 1 - beta * h);
    };
  }

  private double slope(double h) {
    return switch (kind) {
      case SIGMOID ->
          beta
              * (smoothing * Scalars.sigmoid(beta * h)
                  - (1 - smoothing) * Scalars.sigmoid(-beta * h));
      case IPO -> 2 * (h - 1 / (2 * beta));
      case HINGE -> 1 - beta * h > 0 ? -beta : 0;
    };
  }
}
