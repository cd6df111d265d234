package dev.firesteel.train;

import dev.firesteel.metrics.Histogram;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;

/**
 * Counts float values in buckets whose limits are the same everywhere, so that counts of several
 * ranks add up. A bucket holds the values with the same sign, exponent and first three bits of the
 * fraction: limits that are 1/16 to 1/8 apart, relative to their size, without a logarithm per
 * value. Values that are not finite are not counted.
 */
final class HistogramCounter {
  /** Bits of the fraction that a bucket ignores: of 23. */
  private static final int SHIFT = 20;

  /** Buckets of one sign; the exponent of what is not finite has none. */
  private static final int SIDE = Float.floatToRawIntBits(Float.POSITIVE_INFINITY) >>> SHIFT;

  /** Numbers before the counts in {@link #values}: min, max, sum, sum of squares, first bucket. */
  private static final int HEADER = 5;

  private final double[] counts = new double[2 * SIDE]; // negative values, descending in size
  private double min = Double.POSITIVE_INFINITY;
  private double max = Double.NEGATIVE_INFINITY;
  private double sum;
  private double sumOfSquares;

  /** Adds {@code values[0, length)}. */
  void add(float[] values, int length) {
    for (int i = 0; i < length; i++) {
      float value = values[i];
      int bucket = (Float.floatToRawIntBits(value) & Integer.MAX_VALUE) >>> SHIFT;
      if (bucket >= SIDE) {
        continue;
      }
      counts[value < 0 ? SIDE - 1 - bucket : SIDE + bucket]++;
      min = Math.min(min, value);
      max = Math.max(max, value);
      sum += value;
      sumOfSquares += (double) value * value;
    }
  }

  /** Adds what another counter's {@link #values} are. */
  void add(double[] values) {
    min = Math.min(min, values[0]);
    max = Math.max(max, values[1]);
    sum += values[2];
    sumOfSquares += values[3];
    int first = (int) values[4];
    for (int i = HEADER; i < values.length; i++) {
      counts[first + i - HEADER] += values[i];
    }
  }

  /** All that was counted, without the empty buckets on both sides. */
  double[] values() {
    int first = first();
    int end = end();
    double[] values = new double[HEADER + Math.max(0, end - first)];
    values[0] = min;
    values[1] = max;
    values[2] = sum;
    values[3] = sumOfSquares;
    values[4] = first;
    System.arraycopy(counts, first, values, HEADER, values.length - HEADER);
    return values;
  }

  private int first() {
    int first = 0;
    while (first < counts.length && counts[first] == 0) {
      first++;
    }
    return first < counts.length ? first : 0;
  }

  private int end() {
    int end = counts.length;
    while (end > 0 && counts[end - 1] == 0) {
      end--;
    }
    return end;
  }

  /** Whether nothing was counted. */
  boolean isEmpty() {
    return end() == 0;
  }

  /** The histogram of a counter that is not empty. */
  Histogram histogram(String name) {
    int first = first();
    int end = end();
    List<Double> limits = new ArrayList<>();
    List<Double> buckets = new ArrayList<>();
    for (int i = first; i < end; i++) {
      limits.add(limit(i));
      buckets.add(counts[i]);
    }
    return new Histogram(
        name, min, max, Arrays.stream(counts).sum(), sum, sumOfSquares, limits, buckets);
  }

  /** The upper limit of a bucket: of a negative one, its end nearer to zero. */
  private static double limit(int bucket) {
    return bucket < SIDE
        ? 0 - Float.intBitsToFloat((SIDE - 1 - bucket) << SHIFT)
        : Float.intBitsToFloat((bucket - SIDE + 1) << SHIFT);
  }
}
