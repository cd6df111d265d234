package dev.firesteel.tensor;

import dev.firesteel.array.NdArray;
import dev.firesteel.array.Shape;
import dev.firesteel.array.ShapeException;

/**
 * Softmax over the last axis: {@code y = exp(x - max x) / sum exp(x - max x)}.
 *
 * <p>Shape: {@code x [..., n] -> y [..., n]}. {@code dx = y * (dy - sum(dy * y))}, from the output.
 */
record Softmax() implements Op {
  @Override
  public Shape outputShape(Shape... in) {
    if (in[0].rank() < 1) {
      throw new ShapeException("softmax", "x must have rank >= 1", in);
    }
    return in[0];
  }

  @Override
  public NdArray forward(Node node, NdArray... in) {
    NdArray out = node.allocate(in[0].dtype(), in[0].shape());
    node.backend().attention().softmax(in[0], out);
    return node.save(out);
  }

  @Override
  public void backward(Node node, NdArray dy, NdArray... in) {
    node.produce(
        0, target -> node.backend().attention().softmaxBackward(node.saved(0), dy, target));
  }
}
