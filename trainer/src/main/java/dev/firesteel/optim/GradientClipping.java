package dev.firesteel.optim;

import dev.firesteel.nn.Segment;

/**
 * Clipping by the global norm (Pascanu et al. 2013): the gradient of all parameters together is
 * scaled down to the norm {@code maxNorm} where it is longer. PyTorch divides by {@code norm +
 * 1e-6}; this divides by the norm.
 *
 * @param maxNorm the longest gradient; 0 for no clipping
 */
public record GradientClipping(double maxNorm) {
  /** The 2-norm over all parameters, before clipping. */
  public static double norm(Segment gradients) {
    return Math.sqrt(gradients.parameters().backend().reductions().sumOfSquares(gradients.flat()));
  }

  /** What gradients of this norm are multiplied with: 1, or {@code maxNorm / norm}. */
  public double scale(double norm) {
    return maxNorm > 0 && norm > maxNorm ? maxNorm / norm : 1;
  }
}
