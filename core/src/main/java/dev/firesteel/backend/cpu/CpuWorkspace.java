package dev.firesteel.backend.cpu;

import dev.firesteel.array.NdArray;
import dev.firesteel.backend.AttentionSpec;
import dev.firesteel.backend.Heads;
import dev.firesteel.backend.Workspace;
import java.util.ArrayList;
import java.util.List;
import java.util.function.LongUnaryOperator;

/** Memory that kernels keep in any precision: partial sums, and scratch memory of threads. */
abstract class CpuWorkspace implements Workspace {
  /** A thread's panels of left operands, edges and rows. */
  private static final long THREAD_BYTES = 1 << 18;

  private final int threads;
  private long partialSums;
  private long attentionFloats;

  CpuWorkspace(int threads) {
    this.threads = threads;
  }

  @Override
  public void sumRows(NdArray x) {
    long blocks = Gemm.ceilDiv(x.shape().rows(), RowReduction.BLOCK_ROWS);
    partialSums = Math.max(partialSums, blocks * x.shape().last());
  }

  /** Keys, values and their gradients in panels, and two blocks of scores. */
  @Override
  public void attentionBackward(AttentionSpec spec, Heads q, Heads k) {
    long tokens = k.tokens();
    long panels = tokens * Gemm.roundUp(spec.headWidth(), AttentionSimd.PANEL);
    attentionFloats = Math.max(attentionFloats, 4 * panels + 2 * tokens * AttentionSimd.PANEL);
  }

  @Override
  public final List<Part> parts(LongUnaryOperator arrayBytes) {
    List<Part> parts = new ArrayList<>(productParts(arrayBytes));
    parts.add(
        new Part(
            "scratch of " + threads + (threads == 1 ? " thread" : " threads"),
            threads * (THREAD_BYTES + attentionFloats * Float.BYTES)
                + floats(arrayBytes, partialSums),
            0));
    return parts;
  }

  /** Memory that matmuls and the loss keep. */
  abstract List<Part> productParts(LongUnaryOperator arrayBytes);

  /** Heap bytes occupied by a {@code float[]}. */
  static long floats(LongUnaryOperator arrayBytes, long count) {
    return arrayBytes.applyAsLong(count * Float.BYTES);
  }
}
