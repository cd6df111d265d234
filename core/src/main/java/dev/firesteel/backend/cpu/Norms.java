package dev.firesteel.backend.cpu;

/** The statistics of a row that its norm needs; {@link NormSimd} does the rest. */
final class Norms {
  private Norms() {}

  static float mean(Simd simd, float[] x, int offset, int size) {
    return simd.sum(x, offset, size) / size;
  }

  /** {@code 1 / sqrt(sum (x - mean)^2 / size + epsilon)}. */
  static float reciprocalDeviation(
      Simd simd, float[] x, int offset, int size, float mean, double epsilon) {
    double squares = simd.sumOfSquaredDifferences(x, offset, size, mean);
    return (float) (1 / Math.sqrt(squares / size + epsilon));
  }
}
