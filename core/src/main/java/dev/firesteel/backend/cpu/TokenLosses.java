package dev.firesteel.backend.cpu;

import static dev.firesteel.array.HeapStorage.offset;

import dev.firesteel.array.FloatStorage;
import dev.firesteel.array.IntStorage;
import dev.firesteel.array.NdArray;
import dev.firesteel.backend.cpu.MatrixEngine.LogitsRow;
import dev.firesteel.backend.cpu.Worker.Scratch;
import java.util.Arrays;

/**
 * What {@link dev.firesteel.backend.LossKernels#tokenLosses} and its backward pass do with a row of
 * logits, in float32; a row of logits has no use afterwards.
 */
final class TokenLosses {
  private final int[] targets;
  private final int targetsStart;
  private final int vocabulary;
  private final float inverse;

  /**
   * @param targets [M] I32, less than {@code vocabulary}
   */
  TokenLosses(NdArray targets, int vocabulary, double temperature) {
    this.targets = IntStorage.of(targets);
    targetsStart = offset(targets);
    this.vocabulary = vocabulary;
    inverse = (float) (1 / temperature);
  }

  /** A float of each row; a missing array has zeros and takes none. */
  private static final class Column {
    private final float[] values;
    private final int start;

    Column(NdArray array) {
      values = array == null ? null : FloatStorage.of(array);
      start = array == null ? 0 : offset(array);
    }

    boolean isPresent() {
      return values != null;
    }

    float get(int row) {
      return values == null ? 0f : values[start + row];
    }

    void set(int row, float value) {
      if (values != null) {
        values[start + row] = value;
      }
    }
  }

  /**
   * Writes a row's loss and, unless null, log-sum-exp and entropy. The loss is computed as in
   * {@link CrossEntropy#loss}.
   */
  LogitsRow losses(NdArray losses, NdArray logSumExp, NdArray entropies) {
    Column loss = new Column(losses);
    Column logSum = new Column(logSumExp);
    Column entropy = new Column(entropies);
    return (row, logits, at, worker) -> {
      int target = targets[targetsStart + row];
      if (target < 0) {
        loss.set(row, 0f);
        logSum.set(row, 0f);
        entropy.set(row, 0f);
        return;
      }
      Simd simd = worker.simd();
      divideByTemperature(simd, logits, at);
      float targetLogit = logits[at + target];
      float max = simd.max(logits, at, vocabulary);
      float sum;
      if (entropy.isPresent()) {
        float[] exps = worker.scratch(Scratch.FIRST, vocabulary);
        sum = simd.exp(logits, at, max, exps, 0, vocabulary);
        // Relative to the maximum: the logits themselves would cancel in log(sum) + max - mean.
        simd.elementwise().addValue(logits, at, -max, logits, at, vocabulary);
        float mean = simd.dot(exps, 0, logits, at, vocabulary) / sum;
        entropy.set(row, (float) (StrictMath.log(sum) - mean));
      } else {
        sum = simd.exp(logits, at, max, logits, at, vocabulary);
      }
      float rowLogSum = CrossEntropy.logSumExp(max, sum);
      logSum.set(row, rowLogSum);
      loss.set(row, rowLogSum - targetLogit);
    };
  }

  /**
   * Replaces a row of logits by its gradient.
   *
   * @param entropies null if {@code dEntropies} is
   * @param dEntropies null for zeros
   */
  LogitsRow gradients(NdArray logSumExp, NdArray entropies, NdArray dLosses, NdArray dEntropies) {
    Column logSum = new Column(logSumExp);
    Column entropy = new Column(entropies);
    Column dLoss = new Column(dLosses);
    Column dEntropy = new Column(dEntropies);
    return (row, logits, at, worker) -> {
      int target = targets[targetsStart + row];
      if (target < 0) {
        Arrays.fill(logits, at, at + vocabulary, 0f);
        return;
      }
      Simd simd = worker.simd();
      divideByTemperature(simd, logits, at);
      float lossFactor = dLoss.get(row) * inverse;
      float entropyFactor = dEntropy.get(row) * inverse;
      if (entropyFactor == 0) {
        CrossEntropy.gradient(
            simd, logits, at, vocabulary, target, logSum.get(row), lossFactor, logits, at);
        return;
      }
      float shift = entropy.get(row) - logSum.get(row);
      float targetLogit = logits[at + target];
      float[] probabilities = worker.scratch(Scratch.FIRST, vocabulary);
      simd.exp(logits, at, logSum.get(row), probabilities, 0, vocabulary);
      ElementwiseSimd elements = simd.elementwise();
      // p * (lossFactor - entropyFactor * (log p + entropy))
      elements.addValue(logits, at, shift, logits, at, vocabulary);
      elements.scale(-entropyFactor, logits, at, logits, at, vocabulary);
      elements.addValue(logits, at, lossFactor, logits, at, vocabulary);
      elements.multiply(logits, at, probabilities, 0, logits, at, vocabulary);
      float probability = probabilities[target];
      logits[at + target] =
          lossFactor * (probability - 1f) - entropyFactor * probability * (targetLogit + shift);
    };
  }

  private void divideByTemperature(Simd simd, float[] logits, int at) {
    if (inverse != 1f) {
      simd.elementwise().scale(inverse, logits, at, logits, at, vocabulary);
    }
  }
}
