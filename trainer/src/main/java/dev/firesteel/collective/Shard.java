package dev.firesteel.collective;

import dev.firesteel.backend.Backend;

/**
 * One rank's part of an array: elements {@code [begin, end)}.
 *
 * <p>Arrays are cut in halves, the halves in halves, and so on, each at the multiple of {@link
 * #ALIGNMENT} nearest above the middle. So a shard of few ranks is made of shards of more.
 */
public record Shard(int begin, int end) {
  /**
   * Elements to whose multiples arrays are cut: blocks of the backends' sums of squares, so that a
   * norm over shards adds the same numbers as one over the whole.
   */
  public static final int ALIGNMENT = Backend.REDUCTION_BLOCK;

  /** The number of elements. */
  public int length() {
    return end - begin;
  }

  /**
   * The part of rank {@code rank} of {@code worldSize}: after recursive halving that begins with
   * the nearest neighbour, that is the rank's bits in reverse order as a position, for a power of
   * two; for any other number the rank itself.
   */
  public static Shard of(int length, int rank, int worldSize) {
    int blocks = (length + ALIGNMENT - 1) / ALIGNMENT;
    if (Integer.bitCount(worldSize) != 1) {
      return new Shard(
          edge((int) ((long) blocks * rank / worldSize), length),
          edge((int) ((long) blocks * (rank + 1) / worldSize), length));
    }
    int begin = 0;
    int end = blocks;
    for (int bit = 1; bit < worldSize; bit <<= 1) {
      int middle = (begin + end + 1) >>> 1;
      if ((rank & bit) == 0) {
        end = middle;
      } else {
        begin = middle;
      }
    }
    return new Shard(edge(begin, length), edge(end, length));
  }

  private static int edge(int block, int length) {
    return (int) Math.min((long) block * ALIGNMENT, length);
  }
}
