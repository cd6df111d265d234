package dev.firesteel.backend.cpu;

import dev.firesteel.backend.cpu.Worker.Scratch;
import java.util.Arrays;

/** Cross-entropy of rows of logits; rows with a negative target are ignored. */
final class CrossEntropy {
  private CrossEntropy() {}

  /** {@code log sum_v e^logits[v]}. */
  static float logSumExp(Worker worker, float[] logits, int offset, int size) {
    float[] scratch = worker.scratch(Scratch.FIRST, size);
    float max = worker.simd().max(logits, offset, size);
    return logSumExp(max, worker.simd().exp(logits, offset, max, scratch, 0, size));
  }

  /** {@code max + log(sum)}: StrictMath, whose logarithm is the same on every machine. */
  static float logSumExp(float max, float sum) {
    return (float) (max + StrictMath.log(sum));
  }

  /** {@code logSumExp - logits[target]}, or 0. */
  static float loss(Worker worker, float[] logits, int offset, int size, int target) {
    float logSumExp = target < 0 ? 0f : logSumExp(worker, logits, offset, size);
    return loss(logits, offset, target, logSumExp);
  }

  /** {@code logSumExp - logits[target]}, or 0. */
  static float loss(float[] logits, int offset, int target, float logSumExp) {
    return target < 0 ? 0f : logSumExp - logits[offset + target];
  }

  /**
   * The loss as in {@link #loss}; the logits become the gradient of {@code factor * loss}: {@code
   * factor * (softmax - [v = target])}.
   */
  static float lossAndGradient(
      Simd simd, float[] logits, int offset, int size, int target, float factor) {
    if (target < 0) {
      Arrays.fill(logits, offset, offset + size, 0f);
      return 0f;
    }
    float targetLogit = logits[offset + target];
    float max = simd.max(logits, offset, size);
    float sum = simd.exp(logits, offset, max, logits, offset, size);
    float probability = logits[offset + target] / sum;
    simd.elementwise().scale(factor / sum, logits, offset, logits, offset, size);
    logits[offset + target] = factor * (probability - 1f);
    return logSumExp(max, sum) - targetLogit;
  }

  /** {@code out = factor * (e^(logits - logSumExp) - [v = target])}; zeros for an ignored row. */
  static void gradient(
      Simd simd,
      float[] logits,
      int offset,
      int size,
      int target,
      float logSumExp,
      float factor,
      float[] out,
      int outOffset) {
    if (target < 0) {
      Arrays.fill(out, outOffset, outOffset + size, 0f);
      return;
    }
    simd.exp(logits, offset, logSumExp, out, outOffset, size);
    float probability = out[outOffset + target];
    simd.elementwise().scale(factor, out, outOffset, out, outOffset, size);
    out[outOffset + target] = factor * (probability - 1f);
  }
}
