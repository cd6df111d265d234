package dev.firesteel.tensor;

import dev.firesteel.array.NdArray;
import dev.firesteel.array.Shape;
import dev.firesteel.array.ShapeException;

/**
 * SwiGLU (Shazeer 2020) on packed halves: {@code y = silu(gate) * up}.
 *
 * <p>Shape: {@code [..., 2F] -> [..., F]}, a row is gate | up.
 */
record SwiGlu() implements Op {
  @Override
  public Shape outputShape(Shape... in) {
    if (in[0].rank() < 1 || in[0].last() % 2 != 0) {
      throw new ShapeException("swiGlu", "the last axis must hold gate and up, of equal width", in);
    }
    return in[0].withLast(in[0].last() / 2);
  }

  @Override
  public NdArray forward(Node node, NdArray... in) {
    NdArray out = node.allocate(in[0].dtype(), outputShape(in[0].shape()));
    node.backend().elementwise().swiGlu(in[0], out);
    return out;
  }

  @Override
  public void backward(Node node, NdArray dy, NdArray... in) {
    node.produce(0, target -> node.backend().elementwise().swiGluBackward(in[0], dy, target));
  }
}
