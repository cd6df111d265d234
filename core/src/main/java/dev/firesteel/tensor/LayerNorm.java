package dev.firesteel.tensor;

import dev.firesteel.array.NdArray;
import dev.firesteel.array.Shape;

/**
 * Layer normalization (Ba et al. 2016) over the last axis: {@code y = (x - mean) / sqrt(var +
 * epsilon) * gain + bias}, where gain is the norm's weight.
 *
 * <p>Shape: {@code x [..., C], gain [C], bias [C] (optional) -> y [..., C]}. Saves mean and {@code
 * rstd} of each row. With {@code xHat = (x - mean) rstd} and {@code g = dy gain}: {@code dx = rstd
 * (g - mean(g) - xHat mean(g xHat))}, {@code dgain = sum dy xHat}, {@code dbias = sum dy}.
 */
record LayerNorm(double epsilon, boolean bias) implements Op {
  @Override
  public Shape outputShape(Shape... in) {
    Shapes.requireGain("layerNorm", in);
    return in[0];
  }

  @Override
  public NdArray forward(Node node, NdArray... in) {
    NdArray out = node.allocate(in[0].dtype(), in[0].shape());
    Shape rows = Shape.of(in[0].shape().rows());
    NdArray mean = node.save(node.allocate(in[0].dtype(), rows));
    NdArray rstd = node.save(node.allocate(in[0].dtype(), rows));
    node.backend().norms().layerNorm(in[0], in[1], bias ? in[2] : null, epsilon, out, mean, rstd);
    return out;
  }

  @Override
  public void backward(Node node, NdArray dy, NdArray... in) {
    GradientTarget dx = node.target(0);
    GradientTarget dGain = node.target(1);
    GradientTarget dBias = bias ? node.target(2) : GradientTarget.NONE;
    node.backend()
        .norms()
        .layerNormBackward(
            in[0],
            in[1],
            node.saved(0),
            node.saved(1),
            dy,
            dx.array(),
            dx.write(),
            dGain.array(),
            dGain.write(),
            dBias.array(),
            dBias.write());
  }
}
