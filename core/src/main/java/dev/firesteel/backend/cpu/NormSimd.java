package dev.firesteel.backend.cpu;

/**
 * LayerNorm and RMSNorm of one row, forward and backward: {@link ScalarNorms} in plain Java and
 * {@link VectorNorms} are bit-identical for every input (NaNs counting as equal). An instance holds
 * scratch memory and belongs to one thread.
 *
 * <p>RMSNorm is the same without mean and bias: {@code h = (x - 0) rstd}.
 */
interface NormSimd {
  /** {@code out = h gain + bias} with {@code h = (x - mean) rstd}; bias may be null. */
  void normalize(
      float[] x,
      int xOffset,
      float mean,
      float rstd,
      float[] gain,
      int gainOffset,
      float[] bias,
      int biasOffset,
      float[] out,
      int outOffset,
      int size);

  /**
   * A row's contribution to the parameters' gradients: {@code sums[0, size) += dy h} for the
   * weight, and {@code sums[size, 2 size) += dy} for the bias. Unless {@code dx} is null it gets,
   * with {@code g = dy gain}, {@code rstd (g - mean(g) - h mean(g h))}, without {@code mean(g)}
   * when not {@code centred} (RMSNorm).
   *
   * @param add whether to add to dx rather than overwrite it
   */
  void backward(
      float[] x,
      int xOffset,
      float mean,
      float rstd,
      boolean centred,
      float[] gain,
      int gainOffset,
      float[] dy,
      int dyOffset,
      float[] sums,
      int sumsOffset,
      float[] dx,
      int dxOffset,
      boolean add,
      int size);
}
