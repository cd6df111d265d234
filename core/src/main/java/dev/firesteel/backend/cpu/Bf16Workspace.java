package dev.firesteel.backend.cpu;

import dev.firesteel.array.NdArray;
import java.util.List;
import java.util.function.LongUnaryOperator;

/**
 * Memory that {@link Bf16Engine} keeps: the logits of one chunk, and bf16 copies of operands in
 * native memory. The copies are those of {@link Bf16Twins}, in a {@link NativePool} whose blocks
 * have no memory.
 */
final class Bf16Workspace extends CpuWorkspace {
  /** The library and the matmuls that it compiles, measured. */
  private static final long ONEDNN_BYTES = 60 << 20;

  /** To which oneDNN pads the rows and columns of a packed weight, at most. */
  private static final int PACKED_MULTIPLE = 64;

  private final NativePool pool = new NativePool(NativeBlock::unbacked);
  private final Bf16Twins twins = new Bf16Twins(pool);
  private long copiesBytes;
  private long logits;
  private long logitGradients;

  Bf16Workspace(int threads) {
    super(threads);
  }

  @Override
  public void linear(NdArray x, NdArray w) {
    copy(x);
    copy(w);
    if (x.shape().rows() <= Bf16Gemm.PACKED_ROWS && twins.findPacked(w) == null) {
      long rows = Gemm.roundUp(w.shape().dim(0), PACKED_MULTIPLE);
      long columns = Gemm.roundUp(w.shape().dim(1), PACKED_MULTIPLE);
      twins.createPacked(w, rows * columns * Short.BYTES);
      copiesBytes = Math.max(copiesBytes, pool.heldBytes());
    }
  }

  @Override
  public void linearBackwardInput(NdArray dy, NdArray w) {
    copy(dy);
    copy(w);
  }

  @Override
  public void linearBackwardWeight(NdArray dy, NdArray x) {
    copy(dy);
    copy(x);
  }

  @Override
  public NdArray keep(NdArray x) {
    copy(x);
    return twins.detach(x);
  }

  @Override
  public void tokenLosses(NdArray x, NdArray w) {
    logits = Math.max(logits, chunkLogits(x, w));
    copy(x);
    copy(w);
  }

  @Override
  public void tokenLossesBackward(NdArray x, NdArray w) {
    tokenLosses(x, w);
    logitGradients = Math.max(logitGradients, chunkLogits(x, w));
  }

  @Override
  public void linearCrossEntropy(NdArray x, NdArray w) {
    tokenLossesBackward(x, w);
  }

  private static long chunkLogits(NdArray x, NdArray w) {
    int vocabulary = w.shape().dim(0);
    long chunk = Bf16Engine.headRows(x.shape().rows(), vocabulary);
    return chunk * Bf16Engine.logitsStride(vocabulary);
  }

  private void copy(NdArray operand) {
    if (twins.find(operand) == null) {
      twins.create(operand);
      copiesBytes = Math.max(copiesBytes, pool.heldBytes());
    }
  }

  @Override
  List<Part> productParts(LongUnaryOperator arrayBytes) {
    return List.of(
        new Part("logits of one chunk", floats(arrayBytes, logits), logitGradients * Short.BYTES),
        new Part("bf16 copies of operands", 0, copiesBytes),
        new Part("oneDNN", 0, ONEDNN_BYTES));
  }
}
