package dev.firesteel.metrics;

import java.util.List;

/**
 * The distribution of the elements of an array. Bucket {@code i} counts the values above {@code
 * limits[i - 1]} (the first: all) up to {@code limits[i]}.
 *
 * @param name of the array
 * @param min smallest value
 * @param max largest value
 * @param count number of values
 * @param sum of the values
 * @param sumOfSquares of the values
 * @param limits upper limits of the buckets, in ascending order
 * @param counts of the buckets
 */
public record Histogram(
    String name,
    double min,
    double max,
    double count,
    double sum,
    double sumOfSquares,
    List<Double> limits,
    List<Double> counts) {
  /**
   * Checks the buckets.
   *
   * @throws IllegalArgumentException if there are not as many counts as limits
   */
  public Histogram {
    limits = List.copyOf(limits);
    counts = List.copyOf(counts);
    if (limits.size() != counts.size()) {
      throw new IllegalArgumentException(
          "a histogram must have a count for each limit, got %d counts and %d limits"
              .formatted(counts.size(), limits.size()));
    }
  }
}
