package dev.firesteel.tensor;

import dev.firesteel.array.NdArray;
import dev.firesteel.array.Shape;
import dev.firesteel.array.ShapeException;

/** Elementwise product {@code y = a * b}. {@code da = dy * b}, {@code db = dy * a}. */
record Multiply() implements Op {
  @Override
  public Shape outputShape(Shape... in) {
    if (!in[0].equals(in[1])) {
      throw new ShapeException("multiply", "shapes must be equal", in);
    }
    return in[0];
  }

  @Override
  public NdArray forward(Node node, NdArray... in) {
    NdArray out = node.allocate(in[0].dtype(), in[0].shape());
    node.backend().elementwise().multiply(in[0], in[1], out);
    return out;
  }

  @Override
  public void backward(Node node, NdArray dy, NdArray... in) {
    node.produce(0, target -> node.backend().elementwise().multiply(dy, in[1], target));
    node.produce(1, target -> node.backend().elementwise().multiply(dy, in[0], target));
  }
}
