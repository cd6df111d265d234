package dev.firesteel.backend.cpu;

/**
 * Elementwise kernels over ranges of {@code float[]}: {@link ScalarElementwise} in plain Java and
 * {@link VectorElementwise} are bit-identical for every input (NaNs counting as equal). A result
 * may overwrite an operand.
 *
 * <p>The JIT's auto-vectorization does not apply to them: the ranges of a loop over {@code
 * a[aOffset + i]} and {@code b[bOffset + i]} might overlap.
 */
interface ElementwiseSimd {
  /** Number of sums that {@link #addSquares} keeps, to avoid a dependency chain. */
  int SQUARE_SUMS = 64;

  /** {@code out[i] = a[i] + b[i]}. */
  void add(float[] a, int aOffset, float[] b, int bOffset, float[] out, int outOffset, int size);

  /** {@code out[i] += x[i]}. */
  default void add(float[] out, int outOffset, float[] x, int xOffset, int size) {
    add(out, outOffset, x, xOffset, out, outOffset, size);
  }

  /** {@code out[i] = x[i] + value}. */
  void addValue(float[] x, int xOffset, float value, float[] out, int outOffset, int size);

  /** {@code out[i] = fma(alpha, x[i], out[i])}. */
  void addScaled(float alpha, float[] x, int xOffset, float[] out, int outOffset, int size);

  /** {@code out[i] = a[i] * b[i]}. */
  void multiply(
      float[] a, int aOffset, float[] b, int bOffset, float[] out, int outOffset, int size);

  /** {@code out[i] = alpha * x[i]}. */
  void scale(float alpha, float[] x, int xOffset, float[] out, int outOffset, int size);

  /** {@code sums[i % SQUARE_SUMS] += x[i]^2} in double, in ascending {@code i}. */
  void addSquares(float[] x, int xOffset, int size, double[] sums);

  /**
   * Rotates the vectors {@code (x[i], x[size + i])} by the angles given by {@code cosines} and
   * {@code sines}, backward for {@code sign} -1.
   */
  void turn(
      float[] cosines,
      float[] sines,
      int angle,
      float sign,
      float[] x,
      int xOffset,
      float[] out,
      int outOffset,
      int size);

  /** AdamW as defined in {@link AdamWFactors}. */
  void adamW(
      AdamWFactors factors,
      float[] gradients,
      int gOffset,
      float[] firstMoments,
      int mOffset,
      float[] secondMoments,
      int vOffset,
      float[] weights,
      int wOffset,
      int size);

  /** Lion as defined in {@link LionFactors}. */
  void lion(
      LionFactors factors,
      float[] gradients,
      int gOffset,
      float[] momentum,
      int mOffset,
      float[] weights,
      int wOffset,
      int size);
}
