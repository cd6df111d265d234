package dev.firesteel.model;

/**
 * Log-probabilities that a model gave to the targets of a batch of rows, on the host; see {@link
 * LogProbs}.
 */
public final class TokenLogProbs {
  private final double[] logProbs;
  private final double[] entropies;

  /**
   * @param entropies null if they were not computed
   */
  TokenLogProbs(double[] logProbs, double[] entropies) {
    this.logProbs = logProbs;
    this.entropies = entropies;
  }

  /** {@code log p(target)} in nats, [B, T]; 0 for ignored targets. Not a copy. */
  public double[] logProbs() {
    return logProbs;
  }

  /**
   * Entropy of the distribution of each target in nats, [B, T]; 0 for ignored targets. Not a copy.
   *
   * @throws IllegalStateException unless computed {@link LogProbs#withEntropies()}
   */
  public double[] entropies() {
    if (entropies == null) {
      throw new IllegalStateException(
          "entropies are computed only by LogProbs.withEntropies(), got one without");
    }
    return entropies;
  }
}
