package dev.firesteel.scaling;

import java.util.Arrays;

/**
 * A fitted constant with its bootstrap interval.
 *
 * @param value fitted to all runs
 * @param standardError deviation over the resamples; NaN without resamples
 * @param low 2.5th percentile; NaN likewise
 * @param high 97.5th percentile; NaN likewise
 */
public record Estimate(double value, double standardError, double low, double high) {
  private static final double TAIL = 0.025;

  /** A constant without resamples. */
  public static Estimate exact(double value) {
    return new Estimate(value, Double.NaN, Double.NaN, Double.NaN);
  }

  /** A constant with its values in the resamples, of which those that are NaN do not count. */
  public static Estimate of(double value, double[] resampled) {
    double[] sorted = Arrays.stream(resampled).filter(Double::isFinite).sorted().toArray();
    if (sorted.length < 2) {
      return exact(value);
    }
    double mean = Arrays.stream(sorted).average().orElseThrow();
    double squares = 0;
    for (double one : sorted) {
      squares += (one - mean) * (one - mean);
    }
    return new Estimate(
        value,
        Math.sqrt(squares / (sorted.length - 1)),
        quantile(sorted, TAIL),
        quantile(sorted, 1 - TAIL));
  }

  /**
   * A quantile with linear interpolation between values.
   *
   * @param sorted ascending, at least one
   */
  public static double quantile(double[] sorted, double share) {
    double place = share * (sorted.length - 1);
    int below = (int) Math.floor(place);
    int above = Math.min(below + 1, sorted.length - 1);
    return sorted[below] + (place - below) * (sorted[above] - sorted[below]);
  }

  /** Whether there is an interval. */
  public boolean hasInterval() {
    return !Double.isNaN(low);
  }

  /** Whether the intervals of two estimates have no number in common. */
  public boolean isApartFrom(Estimate other) {
    return hasInterval() && other.hasInterval() && (high < other.low || low > other.high);
  }
}
