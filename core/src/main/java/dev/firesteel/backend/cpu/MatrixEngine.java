package dev.firesteel.backend.cpu;

import static dev.firesteel.array.HeapStorage.offset;

import dev.firesteel.array.FloatStorage;
import dev.firesteel.array.NdArray;
import dev.firesteel.backend.Activation;
import dev.firesteel.backend.AttentionSpec;
import dev.firesteel.backend.Backend.Write;
import java.util.Arrays;

/**
 * The matmuls of a model's layers and of attention, in one precision: everything else in {@link
 * CpuBackend} is float32 and independent of it. The methods' contracts are those of {@link
 * dev.firesteel.backend.ProductKernels} and its siblings, whose implementations here mark results
 * as written.
 */
interface MatrixEngine extends AutoCloseable {
  /** For the log: what performs the matmuls. */
  String description();

  void linear(NdArray x, NdArray w, NdArray bias, Activation f, NdArray preActivation, NdArray out);

  void linearBackwardInput(NdArray dy, NdArray w, NdArray dx, Write write);

  void linearBackwardWeight(NdArray dy, NdArray x, NdArray dw, Write write);

  /** See {@link dev.firesteel.backend.ProductKernels#keep}. */
  NdArray keep(NdArray x);

  /** A row of logits, while it is in the cache. */
  interface LogitsRow {
    /**
     * Reads the logits of one row of x, which it may overwrite; if the gradient of x or w is
     * wanted, leaves the logits' gradient in their place.
     */
    void accept(int row, float[] logits, int offset, Worker worker);
  }

  /**
   * A language-model head: passes each row of the logits {@code x w^T} to {@code rows}, on all
   * threads, and computes {@code dx = dLogits w} and {@code dw = dLogits^T x} from what it leaves
   * there. The logits of only one chunk of rows exist at a time.
   *
   * @param x [M, C]
   * @param w [V, C]
   * @param dx [M, C]; null when no gradient is wanted
   * @param dw [V, C]; null when no gradient is wanted
   */
  void head(
      NdArray x, NdArray w, LogitsRow rows, NdArray dx, Write dxWrite, NdArray dw, Write dwWrite);

  /**
   * Attention of sequences with the given numbers of queries and keys; must not be called during
   * its computation.
   */
  HeadAttention attention(AttentionSpec spec, int queries, int keys);

  /** Zeros for the gradient of a matmul without rows. */
  static void clear(NdArray out) {
    int start = offset(out);
    Arrays.fill(FloatStorage.of(out), start, start + Math.toIntExact(out.size()), 0f);
  }

  @Override
  void close();
}
