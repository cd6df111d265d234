package dev.firesteel.tensor;

import dev.firesteel.array.NdArray;
import dev.firesteel.array.Shape;

/** {@code y = factor * x}; {@code dx = factor * dy}. */
record Scale(double factor) implements Op {
  @Override
  public boolean backwardReads(int operand) {
    return false;
  }

  @Override
  public Shape outputShape(Shape... in) {
    return in[0];
  }

  @Override
  public NdArray forward(Node node, NdArray... in) {
    NdArray out = node.allocate(in[0].dtype(), in[0].shape());
    node.backend().elementwise().scale(factor, in[0], out);
    return out;
  }

  @Override
  public void backward(Node node, NdArray dy, NdArray... in) {
    node.produce(0, target -> node.backend().elementwise().scale(factor, dy, target));
  }
}
