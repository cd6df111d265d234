package dev.firesteel.rl;

import dev.firesteel.collective.Collective;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;

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
    ByteBuffer bytes = ByteBuffer.allocate(mine.length * Double.BYTES);
    bytes.order(ByteOrder.LITTLE_ENDIAN).asDoubleBuffer().put(mine);
    byte[][] all = ranks.allGather(bytes.array());
    double[][] numbers = new double[all.length][];
    for (int i = 0; i < all.length; i++) {
      Checks.size("the numbers of rank " + i, all[i].length / Double.BYTES, mine.length);
      numbers[i] = new double[mine.length];
      ByteBuffer.wrap(all[i]).order(ByteOrder.LITTLE_ENDIAN).asDoubleBuffer().get(numbers[i]);
    }
    return numbers;
  }
}
