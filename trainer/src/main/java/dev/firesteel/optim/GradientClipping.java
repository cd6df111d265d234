package dev.firesteel.optim;

import dev.firesteel.backend.ReductionKernels;
import dev.firesteel.nn.Segment;
import dev.firesteel.nn.SegmentRange;

/**
 * Clipping by the global norm (Pascanu et al. 2013): if the norm of the gradient of all parameters
 * exceeds {@code maxNorm}, the gradient is scaled down to it. PyTorch divides by {@code norm +
 * 1e-6}; this divides by the norm.
 *
 * @param maxNorm the maximum norm; 0 for no clipping
 */
public record GradientClipping(double maxNorm) {
  /** The 2-norm over all parameters, before clipping. */
  public static double norm(Segment gradients) {
    double[] sums = new double[ReductionKernels.blocks(gradients.size())];
    SumsOfSquares.of(gradients, new SegmentRange(0, gradients.size()), sums);
    double total = 0;
    for (double sum : sums) {
      total += sum;
    }
    return Math.sqrt(total);
  }

  /** The factor for gradients of this norm: 1, or {@code maxNorm / norm}. */
  public double scale(double norm) {
    return maxNorm > 0 && norm > maxNorm ? maxNorm / norm : 1;
  }
}
