package dev.firesteel.backend.cpu;

import static dev.firesteel.array.HeapStorage.offset;
import static dev.firesteel.backend.cpu.Tiles.size;
import static dev.firesteel.backend.cpu.Tiles.written;

import dev.firesteel.array.FloatStorage;
import dev.firesteel.array.IntStorage;
import dev.firesteel.array.NdArray;
import dev.firesteel.backend.IdChecks;
import dev.firesteel.backend.LossKernels;

/** Cross-entropy, a row at a time. */
final class CpuLosses implements LossKernels {
  private final Tiles tiles;
  private final MatrixEngine engine;

  CpuLosses(Tiles tiles, MatrixEngine engine) {
    this.tiles = tiles;
    this.engine = engine;
  }

  @Override
  public void crossEntropy(NdArray logits, NdArray targets, NdArray losses, NdArray logSumExp) {
    float[] from = FloatStorage.of(logits);
    int[] ids = targets(targets, logits.shape().last());
    float[] to = written(losses);
    float[] logSums = written(logSumExp);
    int vocabulary = logits.shape().last();
    int fromStart = offset(logits);
    int idStart = offset(targets);
    int toStart = offset(losses);
    int logSumStart = offset(logSumExp);
    tiles.overRows(
        logits.shape().rows(),
        vocabulary,
        (row, worker) -> {
          int at = fromStart + row * vocabulary;
          int target = ids[idStart + row];
          float logSum = CrossEntropy.logSumExp(worker, from, at, vocabulary);
          logSums[logSumStart + row] = logSum;
          to[toStart + row] = CrossEntropy.loss(from, at, target, logSum);
        });
  }

  @Override
  public void crossEntropyBackward(
      NdArray logits, NdArray targets, NdArray logSumExp, NdArray dLosses, NdArray dLogits) {
    float[] from = FloatStorage.of(logits);
    int[] ids = targets(targets, logits.shape().last());
    float[] logSums = FloatStorage.of(logSumExp);
    float[] gradient = FloatStorage.of(dLosses);
    float[] to = written(dLogits);
    int vocabulary = logits.shape().last();
    int fromStart = offset(logits);
    int idStart = offset(targets);
    int logSumStart = offset(logSumExp);
    int gradientStart = offset(dLosses);
    int toStart = offset(dLogits);
    tiles.overRows(
        logits.shape().rows(),
        vocabulary,
        (row, worker) ->
            CrossEntropy.gradient(
                worker.simd(),
                from,
                fromStart + row * vocabulary,
                vocabulary,
                ids[idStart + row],
                logSums[logSumStart + row],
                gradient[gradientStart + row],
                to,
                toStart + row * vocabulary));
  }

  @Override
  public void linearCrossEntropy(
      NdArray x, NdArray w, NdArray targets, double scale, NdArray losses, NdArray dx, NdArray dw) {
    targets(targets, w.shape().dim(0));
    losses.storage().markWritten();
    if (dx != null) {
      dx.storage().markWritten();
    }
    if (dw != null) {
      dw.storage().markWritten();
    }
    engine.linearCrossEntropy(x, w, targets, scale, losses, dx, dw);
  }

  private static int[] targets(NdArray targets, int vocabulary) {
    int[] ids = IntStorage.of(targets);
    IdChecks.requireTargets(ids, offset(targets), size(targets), vocabulary);
    return ids;
  }
}
