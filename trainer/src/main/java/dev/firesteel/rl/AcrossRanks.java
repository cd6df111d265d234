package dev.firesteel.rl;

import dev.firesteel.collective.Collective;

/**
 * Numbers of the whole batch from those of each rank, combined in the tree's order. Every rank must
 * make the same calls, and gets the same bits.
 */
public final class AcrossRanks {
  private AcrossRanks() {}

  /** The distribution of the numbers of all ranks. */
  public static Distribution combined(Collective ranks, Distribution mine) {
    double[][] all = gathered(ranks, mine.numbers());
    Distribution[] parts = new Distribution[all.length];
    for (int i = 0; i < all.length; i++) {
      parts[i] = Distribution.ofNumbers(all[i], 0);
    }
    return Distribution.tree(parts);
  }

  /** The measures of all ranks, each of which must have reported the same. */
  public static RolloutMeasures combined(Collective ranks, RolloutMeasures mine) {
    return mine.ofParts(gathered(ranks, mine.numbers()));
  }

  private static double[][] gathered(Collective ranks, double[] mine) {
    double[][] all = ranks.allGather(mine);
    for (int i = 0; i < all.length; i++) {
      Checks.size("the numbers of rank " + i, all[i].length, mine.length);
    }
    return all;
  }
}
