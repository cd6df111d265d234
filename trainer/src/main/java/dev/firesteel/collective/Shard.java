package dev.firesteel.collective;

import dev.firesteel.backend.ReductionKernels;

/**
 * One rank's part of an array: elements {@code [begin, end)}.
 *
 * <p>Arrays are halved recursively, each time at the multiple of {@link #ALIGNMENT} nearest above
 * the middle. So a shard for few ranks is a union of shards for more.
 */
public record Shard(int begin, int end) {
  /**
   * Arrays are split at multiples of this many elements: the block size of the backends' sums of
   * squares, so that a norm over shards adds the same numbers as one over the whole array.
   */
  public static final int ALIGNMENT = ReductionKernels.BLOCK;

  /** The number of elements. */
  public int length() {
    return end - begin;
  }

  /**
   * The part of rank {@code rank} of {@code worldSize}. For a power of two its position is the rank
   * with its bits reversed, the result of recursive halving that starts with the nearest neighbor;
   * for any other number it is the rank itself.
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

  /** The range that {@code rank} still works on after {@code times} halvings of such an array. */
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
