package dev.firesteel.tensor;

import dev.firesteel.array.DType;
import dev.firesteel.array.NdArray;
import dev.firesteel.array.Shape;
import dev.firesteel.array.ShapeException;

/** The same elements with another shape; a view. {@code dx = dy} with the old shape. */
record Reshape(Shape to) implements Op {
  @Override
  public boolean accepts(int operand, DType type) {
    return true;
  }

  @Override
  public boolean backwardReads(int operand) {
    return false;
  }

  @Override
  public Shape outputShape(Shape... in) {
    if (in[0].size() != to.size()) {
      throw new ShapeException("reshape", "sizes must match", in[0], to);
    }
    return to;
  }

  @Override
  public NdArray forward(Node node, NdArray... in) {
    return in[0].reshape(to);
  }

  @Override
  public void backward(Node node, NdArray dy, NdArray... in) {
    node.pass(0);
  }
}
