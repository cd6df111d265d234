package dev.firesteel.tensor;

import dev.firesteel.array.DType;
import dev.firesteel.array.NdArray;
import dev.firesteel.array.Shape;

/** One differentiable operation: its shape rule, forward and backward. Stateless. */
interface Op {
  /** The name in messages: the record's, with a small first letter. */
  default String name() {
    String simple = getClass().getSimpleName();
    return Character.toLowerCase(simple.charAt(0)) + simple.substring(1);
  }

  /** Whether an operand may have an element type: numbers, unless the op says I32 (ids). */
  default boolean accepts(int operand, DType type) {
    return type != DType.I32;
  }

  /**
   * Whether {@link #backward} reads the values of an operand, not only its shape. Where nobody
   * does, the memory ends early.
   */
  default boolean backwardReads(int operand) {
    return true;
  }

  /** The output's shape; throws {@code ShapeException} when the operands do not fit. */
  Shape outputShape(Shape... in);

  /**
   * Computes the output. {@code node} gives memory and keeps what backward needs; the inputs
   * themselves are kept anyway.
   */
  NdArray forward(Node node, NdArray... in);

  /**
   * Adds the gradient of each input that wants one, from {@code dy}, the gradient of the output;
   * {@code dy} is read only.
   */
  void backward(Node node, NdArray dy, NdArray... in);
}
