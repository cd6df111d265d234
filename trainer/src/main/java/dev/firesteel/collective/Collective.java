package dev.firesteel.collective;

import java.nio.ByteBuffer;

/**
 * The ranks of one training run, as seen by one of them: {@link #worldSize()} processes, numbered
 * from 0, that hold the same weights and compute different micro-batches of each global batch.
 *
 * <p><b>Calls match.</b> Every rank makes the same calls in the same order with operands of the
 * same size, on every path, including failures: a rank that is about to give up says so in an
 * {@link #allGather(byte[])} in which all ranks take part, or calls {@link #abort}. An
 * implementation that finds ranks in different calls throws on each of them; it does not hang.
 *
 * <p><b>Sums are a binary tree over ranks</b> where their number is a power of two: with S(a, b)
 * the sum over ranks a to b - 1 and m the middle of a and b, {@code S(a, b) = S(a, m) + S(m, b)}.
 * This is the tree by which gradients of micro-batches are added within a rank, so the bits of a
 * sum do not depend on how micro-batches are distributed over ranks. (Recursive halving, nearest
 * neighbor first, produces it.) For any other number of ranks the order is fixed for each number
 * and shard. All ranks get the same bits.
 *
 * <p><b>Failures.</b> Each call has a deadline. When a rank is lost, or a frame is damaged, every
 * call on every rank throws {@link CollectiveException} with the first known failure; the operand's
 * content is then undefined, and every later call throws, too.
 *
 * <p>Not thread-safe: confined to one thread. Array transfers run on the collective's own thread,
 * in the order of the calls; all other calls block until they are done.
 */
public interface Collective extends AutoCloseable {
  /** This process's number, from 0. Rank 0 writes files that are written once per run. */
  int rank();

  /** The number of processes. */
  int worldSize();

  /** Sets the optimizer step of the calls that follow; failure messages and frames include it. */
  void enterStep(long step);

  /**
   * The part of an array of {@code length} elements of which a rank holds the sum after {@link
   * #reduceScatter}, and which it sends to the others in {@link #allGather(float[], int, int)}. The
   * shards of all ranks cover the array, and begin at multiples of {@link Shard#ALIGNMENT}; some
   * may be empty.
   */
  Shard shard(int length, int ofRank);

  /**
   * Replaces this rank's {@link #shard} of {@code values[offset .. offset + length)} by the sum
   * over all ranks. The other shards are undefined afterwards, except for elements that are zero on
   * all ranks, which stay zero: padding stays padding. The caller must not touch the range until
   * the transfer is {@linkplain Transfer#await awaited}.
   */
  Transfer reduceScatter(float[] values, int offset, int length);

  /**
   * Replaces every other rank's {@link #shard} of {@code values[offset .. offset + length)} by that
   * rank's content. The caller must not touch the range until the transfer is awaited.
   */
  Transfer allGather(float[] values, int offset, int length);

  /** Time spent so far in array transfers on the collective's thread, in nanoseconds. */
  long transferNanos();

  /** Replaces {@code values} by the sum over all ranks, in the tree's order. For small arrays. */
  void allReduce(double[] values);

  /**
   * Every rank's bytes, in order of rank; lengths may differ. For small data: votes, addresses,
   * lists of files.
   */
  byte[][] allGather(byte[] mine);

  /** Every rank's numbers, in order of rank; their counts may differ. */
  default double[][] allGather(double[] mine) {
    ByteBuffer bytes = ByteBuffer.allocate(mine.length * Double.BYTES);
    bytes.asDoubleBuffer().put(mine);
    byte[][] all = allGather(bytes.array());
    double[][] numbers = new double[all.length][];
    for (int rank = 0; rank < all.length; rank++) {
      numbers[rank] = new double[all[rank].length / Double.BYTES];
      ByteBuffer.wrap(all[rank]).asDoubleBuffer().get(numbers[rank]);
    }
    return numbers;
  }

  /** A barrier: returns when every rank has called it. */
  void barrier();

  /**
   * Notifies all ranks that this one cannot continue: their current or next call throws {@link
   * CollectiveException} with {@code reason}. The only call that need not match, and that any
   * thread may make.
   */
  void abort(String reason);

  /** Ends pending transfers, and the connections to the other ranks. */
  @Override
  void close();
}
