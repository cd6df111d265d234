package dev.firesteel.collective;

import dev.firesteel.array.NdArray;

/**
 * The ranks of one training run, from the view of one of them: {@link #worldSize()} processes,
 * numbered from 0, that hold the same weights and compute different slots of each global batch.
 *
 * <p><b>Calls match.</b> Every rank makes the same calls in the same order with operands of the
 * same size, on every path, failures included: a rank that is about to give up says so in a {@link
 * #allGather} that all ranks take part in, or {@link #abort}s. An implementation that finds ranks
 * in different calls throws on each of them; it does not hang.
 *
 * <p><b>Sums are a binary tree over ranks.</b> With S(a, b) the sum over ranks a to b - 1 and m the
 * largest power of two below b - a: {@code S(a, b) = S(a, a + m) + S(a + m, b)}, each addition in
 * the array's own type, left operand first. That is the tree by which gradients of slots are added
 * within a rank, so for power-of-two world sizes the bits of a sum do not depend on how slots are
 * spread over ranks. (Recursive halving and doubling with the nearest neighbour first gives it.)
 * All ranks get the same bits.
 *
 * <p><b>Failures.</b> Each call has a deadline. When a rank is lost, or a frame is damaged, every
 * call on every rank throws {@link CollectiveException} with the first failure known; the operand's
 * content is undefined then, and every later call throws too.
 *
 * <p>One thread at a time; a call returns when the operand may be used again.
 */
public interface Collective extends AutoCloseable {
  /** This process's number, from 0. Rank 0 writes what is written once. */
  int rank();

  /** How many processes there are. */
  int worldSize();

  /** Replaces {@code values} (F32 or F64) by the sum over all ranks. */
  void allReduce(NdArray values);

  /** Replaces {@code values} by the sum over all ranks. */
  void allReduce(double[] values);

  /**
   * Every rank's bytes, in order of rank; lengths may differ. For what is small: votes, addresses,
   * lists of files.
   */
  byte[][] allGather(byte[] mine);

  /** Replaces {@code values} by those of rank {@code root}, bit for bit. */
  void broadcast(NdArray values, int root);

  /** Returns when every rank has called it. */
  void barrier();

  /**
   * Tells all ranks that this one cannot go on: their present or next call throws {@link
   * CollectiveException} with {@code reason}. The only call that need not match.
   */
  void abort(String reason);

  @Override
  void close();
}
