package dev.firesteel.backend;

import dev.firesteel.array.ArrayMemory;
import dev.firesteel.array.DType;
import java.time.Duration;
import java.util.List;
import java.util.function.Consumer;

/**
 * What a model is computed with: a memory for arrays, and kernels on them in groups, one interface
 * each. A caller names arrays, never Java arrays, so that a backend may keep them on the heap or in
 * a device's arena for a whole training step; only {@link #upload} and {@link #download} cross
 * over.
 *
 * <p>Conventions of all kernels. Results go to arrays that the caller allocated, named last; they
 * must not overlap an input unless the method says so. {@code null} stands for an operand that its
 * parameter documents as optional. An array {@code [..., n]} is read as rows of n. {@link
 * Write#ADD} adds to what a result holds, {@link Write#SET} overwrites it, whatever it holds.
 * Shapes and element types are checked by the ops of package {@code tensor}, once; kernels trust
 * them.
 *
 * <p>Every kernel is deterministic: its bits depend on its operands alone, neither on the number of
 * threads nor on timing. Reductions are cut by fixed sizes and added in index order.
 *
 * <p>Instances serve one caller thread at a time.
 */
public interface Backend extends ArrayMemory, AutoCloseable {
  /** Whether a kernel overwrites its result or adds to it. */
  enum Write {
    SET,
    ADD
  }

  /** Short name as in the configuration: {@code cpu}, {@code reference}. */
  String name();

  /** One line for the log: threads, vector width, precision. */
  String description();

  /** What decides the bits of results: backends that say the same here compute the same. */
  String arithmetic();

  /** Java threads that compute for this backend beside the caller's; none by default. */
  default List<Thread> threadsBesideCaller() {
    return List.of();
  }

  /** Whether arrays of this element type can be computed with. */
  boolean supports(DType dtype);

  /**
   * Has the kernels compiled by running them alone, and checks that they are compiled well. To be
   * called before the first step of a long run and then between steps until there is nothing left
   * to do. Without it everything works, but a kernel that the JIT compiled badly stays slow.
   *
   * @param limit the time it may take, about
   * @param notice receives messages for the user about what cannot be put right
   * @return whether there is nothing left to do
   */
  default boolean warmUp(Duration limit, Consumer<String> notice) {
    return true;
  }

  /** Copies, sums, products and functions of single elements. */
  ElementwiseKernels elementwise();

  /** Sums over rows and arrays. */
  ReductionKernels reductions();

  /** Linear layers, matrix products and embeddings. */
  ProductKernels products();

  /** LayerNorm and RMSNorm. */
  NormKernels norms();

  /** Attention, softmax and rotary positions. */
  AttentionKernels attention();

  /** Cross-entropy. */
  LossKernels losses();

  /** The update of weights. */
  OptimizerKernels optimizer();

  @Override
  void close();
}
