package dev.firesteel.backend.cpu;

import dev.firesteel.array.NdArray;
import dev.firesteel.array.Storage;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.function.LongUnaryOperator;

/**
 * Memory that {@link Fp32Engine} keeps: each weight packed once, one packed operand of the current
 * matmul, and the logits of one chunk.
 */
final class Fp32Workspace extends CpuWorkspace {
  /** The position of a weight. */
  private record Place(Storage storage, long offset) {}

  /** Size in floats of the panels of each weight. */
  private final Map<Place, Long> packedWeights = new LinkedHashMap<>();

  private long panels;
  private long shared;
  private long headPanels;
  private long logits;

  Fp32Workspace(int threads) {
    super(threads);
  }

  @Override
  public void linear(NdArray x, NdArray w) {
    linear(x.shape().rows(), w);
  }

  private void linear(int rows, NdArray w) {
    int columns = w.shape().dim(0);
    int depth = w.shape().dim(1);
    packedWeights.put(new Place(w.storage(), w.offset()), Gemm.panelFloats(depth, columns));
    multiply(rows, columns, depth);
  }

  @Override
  public void linearBackwardInput(NdArray dy, NdArray w) {
    int depth = w.shape().dim(0);
    int columns = w.shape().dim(1);
    panels = Math.max(panels, Gemm.panelFloats(depth, columns));
    multiply(dy.shape().rows(), columns, depth);
  }

  @Override
  public void linearBackwardWeight(NdArray dy, NdArray x) {
    linearBackwardWeight(dy.shape().rows(), dy.shape().last(), x.shape().last());
  }

  private void linearBackwardWeight(int depth, int rows, int columns) {
    panels = Math.max(panels, Gemm.panelFloats(depth, columns));
    multiply(rows, columns, depth);
  }

  private void multiply(int rows, int columns, int depth) {
    shared = Math.max(shared, Gemm.sharedFloats(rows, columns, depth));
  }

  @Override
  public void tokenLosses(NdArray x, NdArray w) {
    int chunk = headRows(x);
    linear(chunk, w);
    logits = Math.max(logits, (long) chunk * Fp32Engine.logitsStride(w.shape().dim(0)));
  }

  @Override
  public void tokenLossesBackward(NdArray x, NdArray w) {
    int vocabulary = w.shape().dim(0);
    int width = w.shape().dim(1);
    tokenLosses(x, w);
    headPanels = Math.max(headPanels, Gemm.panelFloats(vocabulary, width));
    linearBackwardWeight(headRows(x), vocabulary, width);
  }

  @Override
  public void linearCrossEntropy(NdArray x, NdArray w) {
    tokenLossesBackward(x, w);
  }

  private static int headRows(NdArray x) {
    return Math.min(x.shape().rows(), Fp32Engine.HEAD_ROWS);
  }

  @Override
  List<Part> productParts(LongUnaryOperator arrayBytes) {
    long weights =
        packedWeights.values().stream().mapToLong(size -> floats(arrayBytes, size)).sum();
    return List.of(
        new Part("packed weights", weights + floats(arrayBytes, headPanels), 0),
        new Part(
            "packed operands of a matmul",
            floats(arrayBytes, panels) + floats(arrayBytes, shared),
            0),
        new Part("logits of one chunk", floats(arrayBytes, logits), 0));
  }
}
