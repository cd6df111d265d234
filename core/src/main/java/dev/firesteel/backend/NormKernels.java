package dev.firesteel.backend;

import dev.firesteel.array.NdArray;
import dev.firesteel.backend.Backend.Write;

/**
 * LayerNorm and RMSNorm.
 *
 * <p>The conventions of {@link Backend} hold here.
 */
public interface NormKernels {

  /**
   * LayerNorm (Ba et al. 2016): {@code out = (x - mean) * rstd * gain + bias} over rows, {@code
   * rstd = 1 / sqrt(var + epsilon)} with the population variance.
   *
   * @param x [M, C]
   * @param gain [C]
   * @param bias [C] or null
   * @param out [M, C]
   * @param mean [M], kept for the backward pass
   * @param rstd [M], kept for the backward pass
   */
  void layerNorm(
      NdArray x,
      NdArray gain,
      NdArray bias,
      double epsilon,
      NdArray out,
      NdArray mean,
      NdArray rstd);

  /**
   * Gradients of {@link #layerNorm} in one pass over x and dy, each with its own {@link Write};
   * null for a gradient that is not needed. Sums over rows are in fixed blocks in index order.
   *
   * @param dx [M, C]
   * @param dGain [C]: {@code dGain (+)= sum_m dy * (x - mean) * rstd}
   * @param dBias [C]: {@code dBias (+)= sum_m dy}
   */
  void layerNormBackward(
      NdArray x,
      NdArray gain,
      NdArray mean,
      NdArray rstd,
      NdArray dy,
      NdArray dx,
      Write dxWrite,
      NdArray dGain,
      Write dGainWrite,
      NdArray dBias,
      Write dBiasWrite);

  /**
   * RMSNorm (Zhang and Sennrich 2019): {@code out = x * rstd * gain} over rows, {@code rstd = 1 /
   * sqrt(mean(x^2) + epsilon)}, which is kept in {@code rstd} [M].
   */
  void rmsNorm(NdArray x, NdArray gain, double epsilon, NdArray out, NdArray rstd);

  /**
   * Gradients of {@link #rmsNorm}, as {@link #layerNormBackward}: {@code dGain (+)= sum_m dy * x *
   * rstd}.
   */
  void rmsNormBackward(
      NdArray x,
      NdArray gain,
      NdArray rstd,
      NdArray dy,
      NdArray dx,
      Write dxWrite,
      NdArray dGain,
      Write dGainWrite);
}
