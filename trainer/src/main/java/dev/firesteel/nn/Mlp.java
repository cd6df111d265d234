package dev.firesteel.nn;

import dev.firesteel.backend.Activation;
import dev.firesteel.tensor.Tensor;

/**
 * Feed-forward block of GPT-2: {@code y = f(x up^T + a) down^T + b}, {@code [..., C] -> [..., C]};
 * {@code up.weight [F, C]}, {@code down.weight [C, F]}. The activation is fused with the first
 * matmul.
 */
public final class Mlp implements Layer {
  private final Projection up;
  private final Projection down;

  /**
   * @param projections makes both matrices
   * @param residual of the projection back to the residual stream
   */
  public Mlp(
      ParameterSet.Builder parameters,
      Projections projections,
      String name,
      int width,
      int inner,
      boolean bias,
      Activation activation,
      Initializer initial,
      Initializer residual) {
    up = projections.declare(parameters, name + ".up", width, inner, bias, activation, initial);
    down = projections.declare(parameters, name + ".down", inner, width, bias, residual);
  }

  @Override
  public Tensor apply(ForwardPass pass, Tensor x) {
    return down.apply(pass, up.apply(pass, x));
  }
}
