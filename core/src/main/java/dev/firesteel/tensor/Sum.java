package dev.firesteel.tensor;

import dev.firesteel.array.NdArray;
import dev.firesteel.array.Shape;

/** The sum of all elements, a scalar; {@code dx[i] = dy}. */
record Sum() implements Op {
  @Override
  public boolean backwardReads(int operand) {
    return false;
  }

  @Override
  public Shape outputShape(Shape... in) {
    return Shape.scalar();
  }

  @Override
  public NdArray forward(Node node, NdArray... in) {
    NdArray out = node.allocate(in[0].dtype(), Shape.scalar());
    node.backend().reductions().sum(in[0], out);
    return out;
  }

  @Override
  public void backward(Node node, NdArray dy, NdArray... in) {
    double[] gradient = new double[1];
    node.backend().download(dy, gradient, 0);
    node.produce(0, target -> node.backend().fill(target, gradient[0]));
  }
}
