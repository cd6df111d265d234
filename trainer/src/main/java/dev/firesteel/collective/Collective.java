package dev.firesteel.collective;

/**
 * The ranks of one training run, from the view of one of them: {@link #worldSize()} processes,
 * numbered from 0, that hold the same weights and compute different slots of each global batch.
 *
 * <p><b>Calls match.</b> Every rank makes the same calls in the same order with operands of the
 * same size, on every path, failures included: a rank that is about to give up says so in a {@link
 * #allGather(byte[])} that all ranks take part in, or {@link #abort}s. An implementation that finds
 * ranks in different calls throws on each of them; it does not hang.
 *
 * <p><b>Sums are a binary tree over ranks</b> where their number is a power of two: with S(a, b)
 * the sum over ranks a to b - 1 and m the middle of a and b, {@code S(a, b) = S(a, m) + S(m, b)}.
 * That is the tree by which gradients of slots are added within a rank, so the bits of a sum do not
 * depend on how slots are spread over ranks. (Recursive halving with the nearest neighbour first
 * gives it.) For another number of ranks the order is fixed for each number and shard. All ranks
 * get the same bits.
 *
 * <p><b>Failures.</b> Each call has a deadline. When a rank is lost, or a frame is damaged, every
 * call on every rank throws {@link CollectiveException} with the first failure known; the operand's
 * content is undefined then, and every later call throws too.
 *
 * <p>Belongs to one thread. Transfers of arrays run on a thread of the collective's own, one after
 * the other in the order of the calls; all other calls return when they are done.
 */
public interface Collective extends AutoCloseable {
  /** This process's number, from 0. Rank 0 writes what is written once. */
  int rank();

  /** How many processes there are. */
  int worldSize();

  /** The optimizer step that later calls belong to: messages of failures and frames carry it. */
  void enterStep(long step);

  /**
   * Which part of an array of {@code length} elements a rank has the sum of after {@link
   * #reduceScatter}, and gives to the others in {@link #allGather(float[], int, int)}. The shards
   * of all ranks cover the array, and begin at multiples of {@link Shard#ALIGNMENT}; some may be
   * empty.
   */
  Shard shard(int length, int ofRank);

  /**
   * Replaces this rank's {@link #shard} of {@code values[offset .. offset + length)} by the sum
   * over all ranks. What the other shards hold afterwards is undefined, but for elements that are
   * zero on all ranks, which stay so: padding stays padding. The range is the collective's until
   * the transfer is {@linkplain Transfer#await awaited}.
   */
  Transfer reduceScatter(float[] values, int offset, int length);

  /**
   * Replaces every other rank's {@link #shard} of {@code values[offset .. offset + length)} by what
   * that rank has there. The range is the collective's until the transfer is awaited.
   */
  Transfer allGather(float[] values, int offset, int length);

  /** Time that transfers of arrays have taken so far on the collective's thread, in nanoseconds. */
  long transferNanos();

  /** Replaces {@code values} by the sum over all ranks, in the tree's order. For what is small. */
  void allReduce(double[] values);

  /**
   * Every rank's bytes, in order of rank; lengths may differ. For what is small: votes, addresses,
   * lists of files.
   */
  byte[][] allGather(byte[] mine);

  /** Returns when every rank has called it. */
  void barrier();

  /**
   * Tells all ranks that this one cannot go on: their present or next call throws {@link
   * CollectiveException} with {@code reason}. The only call that need not match, and that any
   * thread may make.
   */
  void abort(String reason);

  /** Ends the transfers that are under way, and the connections to the other ranks. */
  @Override
  void close();
}
