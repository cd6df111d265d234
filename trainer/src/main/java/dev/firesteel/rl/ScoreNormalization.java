package dev.firesteel.rl;

/**
 * Shifts and scales scores so that those of a run's first batch have mean 0 and standard deviation
 * 1: {@code (score - mean) / deviation}. The first batch is of the reference policy on the run's
 * prompts, where Ziegler et al. (2019, section 2.1) normalize their reward model, so a KL
 * coefficient means the same with any reward function. First scores that are all equal are only
 * shifted.
 *
 * <p>Its state is {@link #first}, whose numbers a checkpoint must hold. Not thread-safe.
 */
public final class ScoreNormalization {
  private Distribution first = Distribution.NONE;

  /** The scores of the first batch; {@link Distribution#NONE} before it. */
  public Distribution first() {
    return first;
  }

  /** Continues from a checkpoint's {@link #first}. */
  public void resume(Distribution saved) {
    first = saved;
  }

  /**
   * Normalizes the scores of a batch.
   *
   * @param scores [sequences] of this rank
   * @param batch {@link Distribution#ofSequences} of the whole batch; of all ranks
   * @return [sequences]
   */
  public double[] of(double[] scores, Distribution batch) {
    if (first.count() == 0) {
      first = batch;
    }
    double deviation = first.sampleDeviation() > 0 ? first.sampleDeviation() : 1;
    double[] normalized = scores.clone();
    for (int i = 0; i < normalized.length; i++) {
      normalized[i] = (normalized[i] - first.mean()) / deviation;
    }
    return normalized;
  }
}
