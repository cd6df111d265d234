package dev.firesteel.backend.cpu;

/**
 * Elementwise kernels over ranges of {@code float[]}: {@link ScalarElementwise} in plain Java and
 * {@link VectorElementwise} give the same bits for every input (NaNs counting as equal). A result
 * may take the place of an operand.
 *
 * <p>They are not left to the JIT's own vectorisation, which does nothing for them: the ranges of a
 * loop over {@code a[aOffset + i]} and {@code b[bOffset + i]} might overlap.
 */
interface ElementwiseSimd {
  /** How many sums {@link #addSquares} keeps, so that none waits for its last addition. */
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
   * Turns the vectors {@code (x[i], x[size + i])} by the angles that {@code cosines} and {@code
   * sines} tell, backward for {@code sign} -1.
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

  /** AdamW as {@link AdamWFactors} tells. */
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
}
