package dev.firesteel.nn;

import dev.firesteel.backend.Activation;
import dev.firesteel.tensor.Tensor;

/**
 * Feed-forward block of GPT-2: {@code y = f(x up^T + a) down^T + b}, {@code [..., C] -> [..., C]};
 * {@code up.weight [F, C]}, {@code down.weight [C, F]}. The activation is fused with the first
 * matmul.
 */
public final class Mlp implements Layer {
  private final Linear up;
  private final Linear down;

  /**
   * @param residual of the projection back to the residual stream
   */
  public Mlp(
      ParameterSet.Builder parameters,
      String name,
      int width,
      int inner,
      boolean bias,
      Activation activation,
      Initializer initial,
      Initializer residual) {
    up = new Linear(parameters, name + ".up", width, inner, bias, activation, initial);
    down = new Linear(parameters, name + ".down", inner, width, bias, residual);
  }

  @Override
  public Tensor apply(ForwardPass pass, Tensor x) {
    return down.apply(pass, up.apply(pass, x));
  }
}
