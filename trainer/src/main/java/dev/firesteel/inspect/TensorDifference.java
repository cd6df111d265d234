package dev.firesteel.inspect;

import java.io.IOException;

/**
 * How two tensors a and b of one shape differ.
 *
 * @param maximum {@code max |a - b|}; infinite where only one of two elements is a number
 * @param relative {@code |a - b| / |a|} of Euclidean norms; NaN if both are 0
 * @param cosine {@code a b / (|a| |b|)}; NaN if one of them is 0
 * @param different elements that are not equal; NaN equals NaN
 */
public record TensorDifference(double maximum, double relative, double cosine, long different) {

  /**
   * Reads both tensors through small buffers.
   *
   * @throws IllegalArgumentException if the shapes differ or one has no numbers
   */
  static TensorDifference of(StoredTensor a, StoredTensor b) throws IOException {
    if (!a.shape().equals(b.shape()) || !a.isNumeric() || !b.isNumeric()) {
      throw new IllegalArgumentException(
          "tensors must have one shape and numbers, got %s %s and %s %s"
              .formatted(a.type(), a.shape(), b.type(), b.shape()));
    }
    long size = a.shape().size();
    float[] as = new float[(int) Math.min(StoredTensor.PART, size)];
    float[] bs = new float[as.length];
    double maximum = 0;
    double squares = 0;
    double squaresOfA = 0;
    double squaresOfB = 0;
    double product = 0;
    long different = 0;
    for (long from = 0; from < size; from += as.length) {
      int count = (int) Math.min(as.length, size - from);
      a.elements().read(from, as, count);
      b.elements().read(from, bs, count);
      for (int i = 0; i < count; i++) {
        double x = as[i];
        double y = bs[i];
        squaresOfA += x * x;
        squaresOfB += y * y;
        product += x * y;
        if (x == y || (Double.isNaN(x) && Double.isNaN(y))) {
          continue;
        }
        different++;
        double difference = Math.abs(x - y);
        squares += difference * difference;
        maximum =
            Math.max(maximum, Double.isNaN(difference) ? Double.POSITIVE_INFINITY : difference);
      }
    }
    return new TensorDifference(
        maximum,
        Math.sqrt(squares) / Math.sqrt(squaresOfA),
        product / (Math.sqrt(squaresOfA) * Math.sqrt(squaresOfB)),
        different);
  }

  /** Whether all elements are equal. */
  boolean isEqual() {
    return different == 0;
  }
}
