package dev.firesteel.backend;

import dev.firesteel.array.NdArray;
import java.util.List;
import java.util.function.LongUnaryOperator;

/**
 * The memory that a backend's kernels keep for themselves, in addition to the arrays passed to
 * them: weights in another layout or precision, scratch memory of threads. A planner declares here
 * the calls that a run will make, without executing them, and then queries their total. Each
 * backend answers from the constants that its kernels use.
 *
 * <p>Only the operands' shapes, storages and storage versions matter. Methods have the names of the
 * corresponding kernels; kernels without a method keep nothing.
 */
public interface Workspace {
  /**
   * Memory for one purpose.
   *
   * @param heapBytes bytes on the Java heap
   * @param nativeBytes bytes outside the Java heap
   */
  record Part(String name, long heapBytes, long nativeBytes) {}

  /** A kernel that sums over the rows of {@code x}: bias gradients and gradients of norms. */
  void sumRows(NdArray x);

  void linear(NdArray x, NdArray w);

  void linearBackwardInput(NdArray dy, NdArray w);

  void linearBackwardWeight(NdArray dy, NdArray x);

  /** What the kernel of this name returns: {@code x} itself, or an array of the backend's own. */
  default NdArray keep(NdArray x) {
    return x;
  }

  void linearCrossEntropy(NdArray x, NdArray w);

  void tokenLosses(NdArray x, NdArray w);

  void tokenLossesBackward(NdArray x, NdArray w);

  void attentionBackward(AttentionSpec spec, Heads q, Heads k);

  /**
   * The peak memory kept by the kernels declared so far.
   *
   * @param arrayBytes heap bytes occupied by a Java array, given the bytes of its elements
   */
  List<Part> parts(LongUnaryOperator arrayBytes);

  /**
   * Heap bytes that the backend occupies for arrays and workspace of {@code bytes}: more if it
   * divides its memory into arenas, less than {@code bytes} if it cannot hold that much.
   */
  default long reservedBytes(long bytes) {
    return bytes;
  }
}
