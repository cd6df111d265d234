package dev.firesteel.nn;

import dev.firesteel.random.RandomStream;
import java.util.List;
import java.util.stream.IntStream;

/**
 * The initial values of a parameter, a function of (seed, name, element): they do not depend on the
 * order of declaration, the number of threads, or the packing of several matrices into one.
 */
public final class Initializer {
  /**
   * Rows of a packed matrix that form a matrix of their own, drawn under a separate name.
   *
   * @param name last part of the path, such as {@code query}; empty for the parameter's own name
   * @param rows how many rows; 0 for all
   */
  private record Part(String name, int rows) {}

  private final double mean;
  private final double standardDeviation;
  private final List<Part> parts;

  private Initializer(double mean, double standardDeviation, List<Part> parts) {
    this.mean = mean;
    this.standardDeviation = standardDeviation;
    this.parts = parts;
  }

  /** A constant: 1 for norm weights, 0 for biases. */
  public static Initializer constant(double value) {
    return new Initializer(value, 0, List.of());
  }

  /** Independent samples of N(0, standardDeviation^2). */
  public static Initializer normal(double standardDeviation) {
    return new Initializer(0, standardDeviation, List.of(new Part("", 0)));
  }

  private static Initializer packed(double standardDeviation, Part... parts) {
    return new Initializer(0, standardDeviation, List.of(parts));
  }

  /** Samples for packed rows query | key | value, the same as for three separate matrices. */
  public static Initializer packedAttention(double standardDeviation, int queries, int keys) {
    return packed(
        standardDeviation,
        new Part("query", queries),
        new Part("key", keys),
        new Part("value", keys));
  }

  /** Samples for packed rows gate | up, the same as for two separate matrices. */
  public static Initializer packedGate(double standardDeviation, int rows) {
    return packed(standardDeviation, new Part("gate", rows), new Part("up", rows));
  }

  /** The number of rows of each matrix that is packed in one of {@code rows} rows. */
  List<Integer> stackedRows(int rows) {
    return parts.size() < 2 ? List.of(rows) : parts.stream().map(Part::rows).toList();
  }

  /** Whether all elements are equal to {@link #value}. */
  boolean isConstant() {
    return standardDeviation == 0;
  }

  /** The value, if constant. */
  double value() {
    return mean;
  }

  /**
   * Writes rows {@code [start, end)} of a parameter to {@code out}; each row has its own stream,
   * named by (seed, "init " + name, row).
   */
  void draw(String parameter, long seed, int start, int end, int columns, float[] out) {
    // One stream per row, so that it does not matter which thread draws it.
    IntStream.range(start, end)
        .parallel()
        .forEach(
            row -> {
              RandomStream random = stream(parameter, seed, row);
              int at = (row - start) * columns;
              for (int i = 0; i < columns; i++) {
                out[at + i] = (float) (standardDeviation * random.nextGaussian());
              }
            });
  }

  private RandomStream stream(String parameter, long seed, int row) {
    int first = 0;
    for (Part part : parts) {
      if (part.rows() == 0 || row < first + part.rows()) {
        String name = part.name().isEmpty() ? parameter : parameter + "/" + part.name();
        return RandomStream.of(seed, "init " + name, row - first);
      }
      first += part.rows();
    }
    throw new IllegalArgumentException(
        parameter
            + ": its parts have "
            + first
            + " rows in total, but row "
            + row
            + " was requested");
  }
}
