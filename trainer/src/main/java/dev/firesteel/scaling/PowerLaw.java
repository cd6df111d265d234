package dev.firesteel.scaling;

import java.util.Arrays;

/**
 * {@code y = coefficient x^exponent}.
 *
 * @param coefficient y at x = 1
 * @param exponent slope on logarithmic axes
 */
public record PowerLaw(double coefficient, double exponent) {
  /**
   * The law through points by least squares of {@code log y} on {@code log x}.
   *
   * @param x above 0, not all equal
   * @param y above 0, as many
   */
  public static PowerLaw fit(double[] x, double[] y) {
    double[] logX = Arrays.stream(x).map(Math::log).toArray();
    double[] logY = Arrays.stream(y).map(Math::log).toArray();
    double meanX = Arrays.stream(logX).average().orElseThrow();
    double meanY = Arrays.stream(logY).average().orElseThrow();
    double product = 0;
    double square = 0;
    for (int i = 0; i < logX.length; i++) {
      product += (logX[i] - meanX) * (logY[i] - meanY);
      square += (logX[i] - meanX) * (logX[i] - meanX);
    }
    double slope = product / square;
    return new PowerLaw(Math.exp(meanY - slope * meanX), slope);
  }

  /** y of an x. */
  public double at(double x) {
    return coefficient * Math.pow(x, exponent);
  }
}
