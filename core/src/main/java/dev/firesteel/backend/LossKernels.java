package dev.firesteel.backend;

import dev.firesteel.array.NdArray;
import dev.firesteel.backend.Backend.Write;

/**
 * Cross-entropy, separately and fused with the language-model head.
 *
 * <p>The conventions of {@link Backend} hold here.
 */
public interface LossKernels {

  /**
   * {@code losses[m] = logSumExp[m] - logits[m, target[m]]} with {@code logSumExp[m] = log sum_v
   * e^logits[m, v]}; both are 0 where the target is negative (ignored).
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

  /**
   * Fused language-model head and one cross-entropy per row, at a temperature, in chunks of rows so
   * that the full logits are never materialized: with {@code z = x w^T / temperature} and {@code p
   * = softmax(z)},
   *
   * <pre>
   * logSumExp[m] = log sum_v e^z[m, v]
   * losses[m]    = logSumExp[m] - z[m, target[m]]        = -log p[m, target[m]]
   * entropies[m] = logSumExp[m] - sum_v p[m, v] z[m, v]  = -sum_v p[m, v] log p[m, v]
   * </pre>
   *
   * <p>All three are 0 where the target is negative (ignored). A row's results depend on that row
   * alone, in float32 to the bit. At temperature 1 the losses are those of {@link #crossEntropy}
   * and of {@link #linearCrossEntropy}; on the CPU in float32 to the bit.
   *
   * @param x [M, C]
   * @param w [V, C]
   * @param targets [M] I32, negative to ignore a row
   * @param temperature positive
   * @param losses [M]
   * @param logSumExp [M], kept for the backward pass; null when there is none
   * @param entropies [M], each row's entropy in nats; null when not wanted
   * @throws IllegalArgumentException when a target is V or more
   */
  void tokenLosses(
      NdArray x,
      NdArray w,
      NdArray targets,
      double temperature,
      NdArray losses,
      NdArray logSumExp,
      NdArray entropies);

  /**
   * The gradients of {@code sum(dLosses * losses) + sum(dEntropies * entropies)} of {@link
   * #tokenLosses}. Recomputes the logits chunk by chunk from the same operands:
   *
   * <pre>
   * dz[m, v] = dLosses[m] (p[m, v] - [v = target[m]]) - dEntropies[m] p[m, v] (log p[m, v] + entropies[m])
   * dx = dz w / temperature,  dw = dz^T x / temperature
   * </pre>
   *
   * @param logSumExp [M], from the forward pass
   * @param entropies [M], from the forward pass; null when {@code dEntropies} is
   * @param dLosses [M]
   * @param dEntropies [M]; null for zeros
   * @param dx [M, C]; null when no gradient is wanted
   * @param dw [V, C]; null when no gradient is wanted
   */
  void tokenLossesBackward(
      NdArray x,
      NdArray w,
      NdArray targets,
      double temperature,
      NdArray logSumExp,
      NdArray entropies,
      NdArray dLosses,
      NdArray dEntropies,
      NdArray dx,
      Write dxWrite,
      NdArray dw,
      Write dwWrite);
}
