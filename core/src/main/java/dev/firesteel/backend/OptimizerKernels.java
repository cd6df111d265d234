package dev.firesteel.backend;

import dev.firesteel.array.NdArray;

/**
 * Weight updates.
 *
 * <p>The conventions of {@link Backend} hold here.
 */
public interface OptimizerKernels {

  /**
   * One AdamW update of a range, in one pass: {@code g = scale * gradient; m = beta1 m + (1 -
   * beta1) g; v = beta2 v + (1 - beta2) g^2; w -= lr * (mHat / (sqrt(vHat) + epsilon) + decay *
   * w)}.
   *
   * @param gradients read only
   * @param firstMoments m
   * @param secondMoments v
   * @param weights w
   */
  void adamW(
      AdamWStep step,
      NdArray gradients,
      NdArray firstMoments,
      NdArray secondMoments,
      NdArray weights);

  /**
   * One Lion update of a range, in one pass: {@code g = scale * gradient; c = beta1 m + (1 - beta1)
   * g; w -= lr * (sign(c) + decay * w); m = beta2 m + (1 - beta2) g}, with {@code sign(0) = 0}.
   *
   * @param gradients read only
   * @param momentum m
   * @param weights w
   */
  void lion(LionStep step, NdArray gradients, NdArray momentum, NdArray weights);

  /**
   * The sums of squares of a matrix's rows and of its columns: {@code rows[r] = sum over c of x[r,
   * c]^2}, {@code columns[c] = sum over r of x[r, c]^2}.
   *
   * @param x [R, C]
   * @param rows [R]
   * @param columns [C]
   */
  void squareSums(NdArray x, NdArray rows, NdArray columns);

  /**
   * {@code x[r, c] = x[r, c] * columns[c] * rows[r]}, multiplied in this order.
   *
   * @param x [R, C], updated in place
   * @param rows [R]
   * @param columns [C]
   */
  void scaleRowsAndColumns(NdArray x, NdArray rows, NdArray columns);
}
