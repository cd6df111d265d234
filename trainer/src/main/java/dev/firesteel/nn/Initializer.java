package dev.firesteel.nn;

import dev.firesteel.random.RandomStream;
import java.util.List;
import java.util.stream.IntStream;

/**
 * The initial values of a parameter, a function of (seed, name, element): neither the order of
 * declaration, nor the number of threads, nor the packing of several matrices into one changes
 * them.
 */
public final class Initializer {
  /**
   * Rows of a packed matrix that are a matrix of their own, drawn under their own name.
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

  /** The same value everywhere: 1 for gains, 0 for biases. */
  public static Initializer constant(double value) {
    return new Initializer(value, 0, List.of());
  }

  /** Independent draws of N(0, standardDeviation^2). */
  public static Initializer normal(double standardDeviation) {
    return new Initializer(0, standardDeviation, List.of(new Part("", 0)));
  }

  private static Initializer packed(double standardDeviation, Part... parts) {
    return new Initializer(0, standardDeviation, List.of(parts));
  }

  /** Draws for packed rows query | key | value, the same as for three matrices. */
  public static Initializer packedAttention(double standardDeviation, int queries, int keys) {
    return packed(
        standardDeviation,
        new Part("query", queries),
        new Part("key", keys),
        new Part("value", keys));
  }

  /** Draws for packed rows gate | up, the same as for two matrices. */
  public static Initializer packedGate(double standardDeviation, int rows) {
    return packed(standardDeviation, new Part("gate", rows), new Part("up", rows));
  }

  /** Whether all elements are the same, so that {@link #value} is all there is to know. */
  boolean isConstant() {
    return standardDeviation == 0;
  }

  /** The value of a constant. */
  double value() {
    return mean;
  }

  /**
   * Writes rows {@code [start, end)} of a parameter to {@code out}; each row has a stream of its
   * own, named by (seed, "init " + name, row).
   */
  void draw(String parameter, long seed, int start, int end, int columns, float[] out) {
    // One stream for each row, so that which thread draws it does not matter.
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
        parameter + ": its parts have " + first + " rows in all, row " + row + " is asked for");
  }
}
