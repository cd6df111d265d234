package dev.firesteel.nn;

import dev.firesteel.array.Shape;
import dev.firesteel.tensor.Tensor;

/**
 * RMSNorm (Zhang and Sennrich 2019): {@code y = x / sqrt(mean(x^2) + epsilon) * gain} over the last
 * axis, {@code [..., C] -> [..., C]}.
 */
public final class RmsNorm implements Layer {
  private final Parameter gain;
  private final double epsilon;

  public RmsNorm(ParameterSet.Builder parameters, String name, int width, double epsilon) {
    gain = parameters.declare(name + ".gain", Shape.of(width), Initializer.constant(1));
    this.epsilon = epsilon;
  }

  @Override
  public Tensor apply(ForwardPass pass, Tensor x) {
    return x.rmsNorm(pass.tensor(gain), epsilon);
  }
}
