package dev.firesteel.backend.opencl;

import dev.firesteel.array.NdArray;
import dev.firesteel.backend.AttentionSpec;
import dev.firesteel.backend.Heads;
import dev.firesteel.backend.Workspace;
import java.util.List;
import java.util.function.LongUnaryOperator;

/** Logits by chunk and partial sums, in the device's arenas like any array. */
final class OpenClWorkspace implements Workspace {
  private long partialSums;
  private long logits;
  private long attention;

  @Override
  public void sumRows(NdArray x) {
    long blocks = Launcher.ceilDiv(x.shape().rows(), OpenClReductions.SUM_ROWS);
    partialSums = Math.max(partialSums, blocks * x.shape().last());
  }

  @Override
  public void linear(NdArray x, NdArray w) {}

  @Override
  public void linearBackwardInput(NdArray dy, NdArray w) {}

  @Override
  public void linearBackwardWeight(NdArray dy, NdArray x) {}

  @Override
  public void linearCrossEntropy(NdArray x, NdArray w) {
    head(x, w);
  }

  @Override
  public void tokenLosses(NdArray x, NdArray w) {
    head(x, w);
  }

  @Override
  public void tokenLossesBackward(NdArray x, NdArray w) {
    head(x, w);
  }

  private void head(NdArray x, NdArray w) {
    long rows = Math.min(x.shape().rows(), OpenClLosses.HEAD_ROWS);
    logits = Math.max(logits, rows * w.shape().dim(0));
  }

  @Override
  public void attentionBackward(AttentionSpec spec, Heads q, Heads k) {
    attention = Math.max(attention, OpenClAttention.scratch(spec, q, k));
  }

  @Override
  public List<Part> parts(LongUnaryOperator arrayBytes) {
    return List.of(
        new Part("logits of one chunk", arrayBytes.applyAsLong(logits * Float.BYTES), 0),
        new Part("attention's sums of rows", arrayBytes.applyAsLong(attention * Float.BYTES), 0),
        new Part("partial sums over rows", arrayBytes.applyAsLong(partialSums * Float.BYTES), 0));
  }

  @Override
  public long reservedBytes(long bytes) {
    return OpenClBackend.arenaBytes(bytes);
  }
}
