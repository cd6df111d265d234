package dev.firesteel.nn;

import dev.firesteel.tensor.Tensor;

/**
 * Feed-forward block of Llama (Shazeer 2020): {@code y = (silu(x gate^T) * (x up^T)) down^T},
 * {@code [..., C] -> [..., C]}, without biases; {@code gate_up.weight [2F, C]} holds the rows gate
 * | up, {@code down.weight [C, F]}.
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
      double standardDeviation,
      Initializer residual) {
    gateUp =
        projections.declare(
            parameters,
            name + ".gate_up",
            width,
            Math.multiplyExact(2, inner),
            false,
            Initializer.packedGate(standardDeviation, inner));
    down = projections.declare(parameters, name + ".down", inner, width, false, residual);
  }

  @Override
  public Tensor apply(ForwardPass pass, Tensor x) {
    return down.apply(pass, gateUp.apply(pass, x).swiGlu());
  }
}
