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
}
