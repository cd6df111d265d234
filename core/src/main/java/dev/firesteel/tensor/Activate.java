package dev.firesteel.tensor;

import dev.firesteel.array.NdArray;
import dev.firesteel.array.Shape;
import dev.firesteel.backend.Activation;
import dev.firesteel.backend.Backend.Write;

/** {@code y = f(x)} for an {@link Activation}; {@code dx = dy * f'(x)}. */
record Activate(Activation f) implements Op {
  @Override
  public Shape outputShape(Shape... in) {
    return in[0];
  }

  @Override
  public NdArray forward(Node node, NdArray... in) {
    NdArray out = node.allocate(in[0].dtype(), in[0].shape());
    node.backend().elementwise().activation(f, in[0], out);
    return out;
  }

  @Override
  public void backward(Node node, NdArray dy, NdArray... in) {
    node.produce(
        0,
        target ->
            node.backend().elementwise().activationBackward(f, in[0], dy, target, null, Write.SET));
  }
}
