package dev.firesteel.tensor;

import dev.firesteel.array.DType;
import dev.firesteel.array.NdArray;
import dev.firesteel.array.Shape;
import java.util.function.IntPredicate;

/** One differentiable operation: its shape rule, forward and backward. Stateless. */
interface Op {
  /** The op's name in messages: the record's name with a lower-case first letter. */
  default String name() {
    String simple = getClass().getSimpleName();
    return Character.toLowerCase(simple.charAt(0)) + simple.substring(1);
  }

  /**
   * Whether an operand may have this element type: floating point, unless the op allows I32 (ids).
   */
  default boolean accepts(int operand, DType type) {
    return type != DType.I32;
  }

  /**
   * Whether {@link #backward} reads the values of an operand, not only its shape. If no op does,
   * the memory is released early.
   */
  default boolean backwardReads(int operand) {
    return true;
  }

  /**
   * As {@link #backwardReads(int)}, if only some operands need a gradient.
   *
   * @param wanted whether an operand needs a gradient
   */
  default boolean backwardReads(int operand, IntPredicate wanted) {
    return backwardReads(operand);
  }

  /**
   * Whether {@link #backward} does not read the values of an operand themselves, but passes it as x
   * to {@link dev.firesteel.backend.ProductKernels#linearBackwardWeight}, and nowhere else: the
   * tape may then pass what the backend {@linkplain dev.firesteel.backend.ProductKernels#keep
   * keeps} of it. Implies {@link #backwardReads}.
   */
  default boolean backwardMultiplies(int operand) {
    return false;
  }

  /** The output's shape; throws {@code ShapeException} if the operands do not match. */
  Shape outputShape(Shape... in);

  /**
   * Computes the output. {@code node} allocates memory and saves what backward needs; the inputs
   * themselves are kept anyway.
   */
  NdArray forward(Node node, NdArray... in);

  /**
   * Adds to the gradient of each input that needs one, given {@code dy}, the gradient of the
   * output; {@code dy} is read-only.
   */
  void backward(Node node, NdArray dy, NdArray... in);
}
