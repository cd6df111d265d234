package dev.firesteel.backend.reference;

/** The error function and its complement, to about 1e-15. */
final class ErrorFunction {
  private static final double SQRT_PI = Math.sqrt(Math.PI);

  /** From here on the continued fraction is accurate to the last bits, and below it the series. */
  private static final double SERIES_END = 2.5;

  private static final int FRACTION_TERMS = 100;

  private ErrorFunction() {}

  /** {@code erf(x) = 2 / sqrt(pi) * integral of exp(-t^2) from 0 to x}. */
  static double erf(double x) {
    double magnitude = Math.abs(x);
    double value = magnitude < SERIES_END ? series(magnitude) : 1 - fraction(magnitude);
    return Math.copySign(value, x);
  }

  /** {@code erfc(x) = 1 - erf(x)}, without the cancellation where erf is close to 1. */
  static double erfc(double x) {
    return x < SERIES_END ? 1 - erf(x) : fraction(x);
  }

  /**
   * {@code erf(x) = 2 / sqrt(pi) * exp(-x^2) * sum_n 2^n x^(2n+1) / (1 * 3 * ... * (2n+1))}
   * (Abramowitz and Stegun 1964, 7.1.6): all terms are positive, so nothing cancels.
   */
  private static double series(double x) {
    double term = x;
    double sum = x;
    for (int n = 1; term > sum * 1e-17; n++) {
      term *= 2 * x * x / (2 * n + 1);
      sum += term;
    }
    return 2 / SQRT_PI * StrictMath.exp(-x * x) * sum;
  }

  /**
   * {@code erfc(x) = exp(-x^2) / sqrt(pi) / (x + (1/2) / (x + (2/2) / (x + (3/2) / (x + ...))))}
   * (Abramowitz and Stegun 1964, 7.1.14).
   */
  private static double fraction(double x) {
    double denominator = x;
    for (int k = FRACTION_TERMS; k >= 1; k--) {
      denominator = x + k / 2.0 / denominator;
    }
    return StrictMath.exp(-x * x) / (SQRT_PI * denominator);
  }
}
