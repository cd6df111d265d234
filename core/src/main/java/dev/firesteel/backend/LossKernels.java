package dev.firesteel.backend;

import dev.firesteel.array.NdArray;

/**
 * Cross-entropy, separately and fused with the language-model head.
 *
 * <p>The conventions of {@link Backend} hold here.
 */
public interface LossKernels {

  /**
   * {@code losses[m] = logSumExp(logits[m, :]) - logits[m, target[m]]}, 0 where the target is
   * negative (ignored).
   *
   * @param logits [M, V]
   * @param targets [M] I32
   * @param losses [M]
   * @param logSumExp [M], kept for the backward pass
   * @throws IllegalArgumentException when a target is V or more
   */
  void crossEntropy(NdArray logits, NdArray targets, NdArray losses, NdArray logSumExp);

  /** {@code dLogits[m, v] = dLosses[m] * (softmax(logits[m])[v] - [v = target[m]])}. */
  void crossEntropyBackward(
      NdArray logits, NdArray targets, NdArray logSumExp, NdArray dLosses, NdArray dLogits);

  /**
   * Fused language-model head and cross-entropy, in chunks of rows so that the full logits are
   * never materialized: {@code logits = x w^T}, {@code losses} as in {@link #crossEntropy}, and in
   * the same pass the gradients of {@code scale * sum(losses)}, which would otherwise require
   * recomputing the logits.
   *
   * @param x [M, C]
   * @param w [V, C]
   * @param targets [M] I32, negative to ignore a row
   * @param scale factor on the sum of losses, such as 1 / tokens
   * @param losses [M], unscaled
   * @param dx [M, C], overwritten; null when no gradient is wanted
   * @param dw [V, C], overwritten; null when no gradient is wanted
   * @throws IllegalArgumentException when a target is V or more
   */
  void linearCrossEntropy(
      NdArray x, NdArray w, NdArray targets, double scale, NdArray losses, NdArray dx, NdArray dw);
}
