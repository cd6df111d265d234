package dev.firesteel.train;

import dev.firesteel.collective.Collective;
import dev.firesteel.collective.TreeSum;
import dev.firesteel.loss.LossMeasures;
import dev.firesteel.metrics.Measures;

/**
 * Adds up the measures of a global batch's micro-batches, on all ranks, in the order of {@link
 * TreeSum}: the bits do not depend on the number of ranks if that is a power of two that divides
 * the micro-batches.
 */
public final class MeasureSum {
  private final TreeSum<LossMeasures> mine;

  /**
   * @param microBatches of the global batch, over all ranks
   */
  public MeasureSum(int microBatches) {
    mine = new TreeSum<>(LossMeasures::plus, microBatches);
  }

  /** Adds this rank's next micro-batch. */
  public void add(LossMeasures part) {
    mine.add(part);
  }

  /** The measures of the global batch; every rank must call it, and all get the same. */
  public Measures total(Collective collective) {
    return sum(mine.total(), collective).measures();
  }

  /** The measures of all ranks together, of which each has a part. */
  public static LossMeasures sum(LossMeasures part, Collective collective) {
    double[][] all = collective.allGather(part.values());
    TreeSum<LossMeasures> ranks = new TreeSum<>(LossMeasures::plus, all.length);
    for (double[] values : all) {
      ranks.add(part.withValues(values));
    }
    return ranks.total();
  }
}
