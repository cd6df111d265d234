package dev.firesteel.pipeline;

/**
 * A mean with its 95 % interval.
 *
 * @param half width of half the interval: {@code 1.96 s / sqrt(n)}, with the deviation s of a
 *     sample
 */
record Interval(double mean, double half) {
  private static final double Z95 = 1.959964;

  /** The mean of at least one number; the interval of one number is a point. */
  static Interval of(double... values) {
    double mean = 0;
    for (double value : values) {
      mean += value / values.length;
    }
    double squares = 0;
    for (double value : values) {
      squares += (value - mean) * (value - mean);
    }
    double deviation = values.length < 2 ? 0 : Math.sqrt(squares / (values.length - 1));
    return new Interval(mean, Z95 * deviation / Math.sqrt(values.length));
  }

  double low() {
    return mean - half;
  }

  double high() {
    return mean + half;
  }
}
