package dev.firesteel.collective;

import dev.firesteel.backend.ReductionKernels;

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
  public static final int ALIGNMENT = ReductionKernels.BLOCK;

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
    if (Integer.bitCount(worldSize) != 1) {
      int blocks = blocks(length);
      return new Shard(
          edge((int) ((long) blocks * rank / worldSize), length),
          edge((int) ((long) blocks * (rank + 1) / worldSize), length));
    }
    return halved(length, rank, Integer.numberOfTrailingZeros(worldSize));
  }

  /** What {@code rank} still works on after {@code times} halvings, of an array of that length. */
  static Shard halved(int length, int rank, int times) {
    int begin = 0;
    int end = blocks(length);
    for (int i = 0; i < times; i++) {
      int middle = (begin + end + 1) >>> 1;
      if ((rank >>> i & 1) == 0) {
        end = middle;
      } else {
        begin = middle;
      }
    }
    return new Shard(edge(begin, length), edge(end, length));
  }

  private static int blocks(int length) {
    return (int) (((long) length + ALIGNMENT - 1) / ALIGNMENT);
  }

  private static int edge(int block, int length) {
    return (int) Math.min((long) block * ALIGNMENT, length);
  }
}
