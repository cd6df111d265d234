package dev.firesteel.nn;

import dev.firesteel.tensor.Tensor;

/**
 * Feed-forward block of Llama (Shazeer 2020): {@code y = (silu(x gate^T) * (x up^T)) down^T},
 * {@code [..., C] -> [..., C]}, with or without biases of the three products; {@code gate_up.weight
 * [2F, C]} holds the rows gate | up, {@code down.weight [C, F]}.
 */
public final class SwiGluMlp implements Layer {
  private final Projection gateUp;
  private final Projection down;

  /**
   * @param projections makes the matrices
   * @param standardDeviation of the first two matrices
   * @param residual of the projection back to the residual stream
   */
  public SwiGluMlp(
      ParameterSet.Builder parameters,
      Projections projections,
      String name,
      int width,
      int inner,
      boolean bias,
      double standardDeviation,
      Initializer residual) {
    gateUp =
        projections.declare(
            parameters,
            name + ".gate_up",
            width,
            Math.multiplyExact(2, inner),
            bias,
            Initializer.packedGate(standardDeviation, inner));
    down = projections.declare(parameters, name + ".down", inner, width, bias, residual);
  }

  @Override
  public Tensor apply(ForwardPass pass, Tensor x) {
    return down.apply(pass, gateUp.apply(pass, x).swiGlu());
  }
}
