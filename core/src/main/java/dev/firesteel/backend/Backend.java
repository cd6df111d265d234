package dev.firesteel.backend;

import dev.firesteel.array.ArrayMemory;
import dev.firesteel.array.DType;
import java.time.Duration;
import java.util.List;
import java.util.function.Consumer;

/**
 * What a model computes with: a memory for arrays, and groups of kernels on them, one interface
 * each. Callers use arrays of this memory, never Java arrays, so that a backend may keep them on
 * the heap or in a device's arena for a whole training step; only {@link #upload} and {@link
 * #download} transfer data.
 *
 * <p>Conventions of all kernels. Results go to arrays that the caller allocated, named last; they
 * must not overlap an input unless the method says so. {@code null} stands for an operand that its
 * parameter documents as optional. An array {@code [..., n]} is read as rows of n. {@link
 * Write#ADD} adds to the existing content of a result, {@link Write#SET} overwrites it. Shapes and
 * element types are checked once, by the ops of package {@code tensor}; kernels do not check them
 * again.
 *
 * <p>Every kernel is deterministic: its bits depend only on its operands, not on the number of
 * threads or on timing. Reductions are split at fixed sizes and added in index order.
 *
 * <p>Instances serve one caller thread at a time.
 */
public interface Backend extends ArrayMemory, AutoCloseable {
  /** Whether a kernel overwrites its result or adds to it. */
  enum Write {
    SET,
    ADD
  }

  /** Short name, as in the configuration: {@code cpu}, {@code reference}. */
  String name();

  /** One line for the log: threads, vector width, precision. */
  String description();

  /** Identifies the arithmetic: backends with equal values here compute bit-identical results. */
  String arithmetic();

  /** Java threads that compute for this backend in addition to the caller's; none by default. */
  default List<Thread> threadsBesideCaller() {
    return List.of();
  }

  /** Whether the backend supports arrays of this element type. */
  boolean supports(DType dtype);

  /**
   * Warms up the kernels by running each in isolation until the JIT has compiled it, and checks
   * that they are compiled well. Should be called before the first step of a long run and then
   * between steps until nothing is left to do. Optional, but without it a kernel that the JIT
   * compiled badly stays slow.
   *
   * @param limit approximate time limit
   * @param notice receives messages for the user about problems that cannot be fixed
   * @return whether nothing is left to do
   */
  default boolean warmUp(Duration limit, Consumer<String> notice) {
    return true;
  }

  /** Copies, sums, products and functions of single elements. */
  ElementwiseKernels elementwise();

  /** Sums over rows and arrays. */
  ReductionKernels reductions();

  /** Linear layers, matmuls and embeddings. */
  ProductKernels products();

  /** LayerNorm and RMSNorm. */
  NormKernels norms();

  /** Attention, softmax and rotary positions. */
  AttentionKernels attention();

  /** Cross-entropy. */
  LossKernels losses();

  /** Weight updates. */
  OptimizerKernels optimizer();

  @Override
  void close();
}
