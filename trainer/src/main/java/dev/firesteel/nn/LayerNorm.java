package dev.firesteel.nn;

import dev.firesteel.array.Shape;
import dev.firesteel.tensor.Tensor;

/**
 * LayerNorm (Ba et al. 2016) with a weight ({@code gain}), and with or without bias: {@code y = (x
 * - mean) / sqrt(var + epsilon) * gain + bias} over the last axis, {@code [..., C] -> [..., C]}.
 */
public final class LayerNorm implements Layer {
  private final Parameter gain;
  private final Parameter bias;
  private final double epsilon;

  public LayerNorm(
      ParameterSet.Builder parameters, String name, int width, boolean withBias, double epsilon) {
    gain = parameters.declare(name + ".gain", Shape.of(width), Initializer.constant(1));
    bias =
        withBias
            ? parameters.declare(name + ".bias", Shape.of(width), Initializer.constant(0))
            : null;
    this.epsilon = epsilon;
  }

  @Override
  public Tensor apply(ForwardPass pass, Tensor x) {
    return x.layerNorm(pass.tensor(gain), bias == null ? null : pass.tensor(bias), epsilon);
  }
}
