package dev.firesteel.backend;

import dev.firesteel.array.NdArray;
import java.util.List;
import java.util.function.LongUnaryOperator;

/**
 * The memory that a backend's kernels keep for themselves, beside the arrays that they are given:
 * weights in another layout or precision, scratch memory of threads. A planner names here the calls
 * that a run will make, without running them, and then asks what they add up to. Each backend
 * answers from the constants that its kernels use.
 *
 * <p>Of operands only the shapes, the storages and the storages' versions matter. Methods have the
 * names of the kernels that they stand for; kernels without a method keep nothing.
 */
public interface Workspace {
  /**
   * Memory for one purpose.
   *
   * @param heapBytes on the Java heap
   * @param nativeBytes outside of it
   */
  record Part(String name, long heapBytes, long nativeBytes) {}

  /** A kernel that sums over the rows of {@code x}: bias gradients and gradients of norms. */
  void sumRows(NdArray x);

  void linear(NdArray x, NdArray w);

  void linearBackwardInput(NdArray dy, NdArray w);

  void linearBackwardWeight(NdArray dy, NdArray x);

  void linearCrossEntropy(NdArray x, NdArray w);

  void causalAttentionBackward(AttentionSpec spec, NdArray qkv);

  /**
   * What the kernels named so far keep at the busiest moment.
   *
   * @param arrayBytes what a Java array whose elements take so many bytes takes on the heap
   */
  List<Part> parts(LongUnaryOperator arrayBytes);

  /**
   * What the backend takes of the heap for arrays and workspace of {@code bytes}: more where it
   * cuts its memory into arenas, less than {@code bytes} where it cannot hold as much.
   */
  default long reservedBytes(long bytes) {
    return bytes;
  }
}
