package dev.firesteel.inspect;

import java.io.IOException;

/**
 * Statistics of a tensor's elements. Those that are not finite are counted, and left out of the
 * others, which are NaN if nothing remains.
 *
 * @param elements all of them
 * @param nan elements that are not a number
 * @param infinite elements that are an infinity
 * @param min the least
 * @param max the greatest
 * @param mean the arithmetic mean
 * @param std the standard deviation, {@code sqrt(sum((x - mean)^2) / n)}
 * @param norm the Euclidean norm, {@code sqrt(sum(x^2))}
 * @param zeros the share of elements that are 0
 */
public record TensorStatistics(
    long elements,
    long nan,
    long infinite,
    double min,
    double max,
    double mean,
    double std,
    double norm,
    double zeros) {

  /** Reads a tensor through a small buffer. */
  static TensorStatistics of(StoredTensor tensor) throws IOException {
    Sums sums = new Sums();
    float[] buffer = new float[(int) Math.min(StoredTensor.PART, tensor.shape().size())];
    for (long from = 0; from < tensor.shape().size(); from += buffer.length) {
      int count = (int) Math.min(buffer.length, tensor.shape().size() - from);
      tensor.elements().read(from, buffer, count);
      sums.add(buffer, count);
    }
    return sums.statistics();
  }

  /** Of an array. */
  static TensorStatistics of(float... values) {
    Sums sums = new Sums();
    sums.add(values, values.length);
    return sums.statistics();
  }

  /** Whether every element is finite. */
  boolean isFinite() {
    return nan == 0 && infinite == 0;
  }

  /**
   * Running sums. Parts are joined by their means and squared deviations (Chan, Golub and LeVeque
   * 1983), so that a large mean does not cancel the deviation.
   */
  private static final class Sums {
    private long finite;
    private long nan;
    private long infinite;
    private long zeros;
    private double min = Double.POSITIVE_INFINITY;
    private double max = Double.NEGATIVE_INFINITY;
    private double mean;
    private double deviations;
    private double squares;

    void add(float[] values, int count) {
      long part = 0;
      double sum = 0;
      for (int i = 0; i < count; i++) {
        float value = values[i];
        if (Float.isNaN(value)) {
          nan++;
        } else if (Float.isInfinite(value)) {
          infinite++;
        } else {
          part++;
          sum += value;
          squares += (double) value * value;
          zeros += value == 0 ? 1 : 0;
          min = Math.min(min, value);
          max = Math.max(max, value);
        }
      }
      if (part == 0) {
        return;
      }
      double partMean = sum / part;
      double partDeviations = 0;
      for (int i = 0; i < count; i++) {
        if (Float.isFinite(values[i])) {
          double deviation = values[i] - partMean;
          partDeviations += deviation * deviation;
        }
      }
      double delta = partMean - mean;
      long all = finite + part;
      deviations += partDeviations + delta * delta * ((double) finite * part / all);
      mean += delta * part / all;
      finite = all;
    }

    TensorStatistics statistics() {
      long elements = finite + nan + infinite;
      boolean any = finite > 0;
      return new TensorStatistics(
          elements,
          nan,
          infinite,
          any ? min : Double.NaN,
          any ? max : Double.NaN,
          any ? mean : Double.NaN,
          any ? Math.sqrt(deviations / finite) : Double.NaN,
          any ? Math.sqrt(squares) : Double.NaN,
          any ? (double) zeros / elements : Double.NaN);
    }
  }
}
