package dev.firesteel.rl;

/**
 * Divides scores by the standard deviation of all scores of the run so far, those of the batch
 * included (trlx, {@code scale_reward: running}): advantages then keep their size when the scores'
 * unit changes. Scores that have all been equal are left as they are.
 *
 * <p>Its state is {@link #seen}, whose numbers a checkpoint must hold. Not thread-safe.
 */
public final class ScoreScaling {
  private Distribution seen = Distribution.NONE;

  /** The scores of the run so far, of all ranks. */
  public Distribution seen() {
    return seen;
  }

  /** Continues from a checkpoint's {@link #seen}. */
  public void resume(Distribution saved) {
    seen = saved;
  }

  /**
   * Takes in the scores of a batch and scales them.
   *
   * @param scores [sequences] of this rank
   * @param batch {@link Distribution#ofSequences} of the whole batch; of all ranks
   * @return [sequences]
   */
  public double[] of(double[] scores, Distribution batch) {
    seen = seen.plus(batch);
    double deviation = seen.sampleDeviation();
    double[] scaled = scores.clone();
    if (deviation > 0) {
      for (int i = 0; i < scaled.length; i++) {
        scaled[i] /= deviation;
      }
    }
    return scaled;
  }
}
