package dev.firesteel.tensor;

import dev.firesteel.array.NdArray;
import dev.firesteel.array.Shape;

/**
 * Root-mean-square normalization (Zhang and Sennrich 2019) over the last axis: {@code y = x /
 * sqrt(mean(x^2) + epsilon) * gain}, where gain is the norm's weight.
 *
 * <p>Shape: {@code x [..., C], gain [C] -> y [..., C]}. Saves {@code rstd} of each row. With {@code
 * g = dy gain}: {@code dx = rstd (g - x rstd^2 mean(g x))}, {@code dgain = sum dy x rstd}.
 */
record RmsNorm(double epsilon) implements Op {
  @Override
  public Shape outputShape(Shape... in) {
    Shapes.requireGain("rmsNorm", in);
    return in[0];
  }

  @Override
  public NdArray forward(Node node, NdArray... in) {
    NdArray out = node.allocate(in[0].dtype(), in[0].shape());
    NdArray rstd = node.save(node.allocate(in[0].dtype(), Shape.of(in[0].shape().rows())));
    node.backend().norms().rmsNorm(in[0], in[1], epsilon, out, rstd);
    return out;
  }

  @Override
  public void backward(Node node, NdArray dy, NdArray... in) {
    GradientTarget dx = node.target(0);
    GradientTarget dGain = node.target(1);
    node.backend()
        .norms()
        .rmsNormBackward(
            in[0], in[1], node.saved(0), dy, dx.array(), dx.write(), dGain.array(), dGain.write());
  }
}
