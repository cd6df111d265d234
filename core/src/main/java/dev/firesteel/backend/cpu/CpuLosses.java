package dev.firesteel.backend.cpu;

import static dev.firesteel.array.HeapStorage.offset;
import static dev.firesteel.backend.cpu.Tiles.size;
import static dev.firesteel.backend.cpu.Tiles.written;

import dev.firesteel.array.FloatStorage;
import dev.firesteel.array.IntStorage;
import dev.firesteel.array.NdArray;
import dev.firesteel.backend.Backend.Write;
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
          float logSum = target < 0 ? 0f : CrossEntropy.logSumExp(worker, from, at, vocabulary);
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
    int vocabulary = w.shape().dim(0);
    int[] ids = targets(targets, vocabulary);
    int idStart = offset(targets);
    float[] to = written(losses);
    int toStart = offset(losses);
    float factor = (float) scale;
    boolean gradients = dx != null || dw != null;
    markWritten(dx);
    markWritten(dw);
    engine.head(
        x,
        w,
        (row, logits, at, worker) -> {
          int target = ids[idStart + row];
          to[toStart + row] =
              gradients
                  ? CrossEntropy.lossAndGradient(
                      worker.simd(), logits, at, vocabulary, target, factor)
                  : CrossEntropy.loss(worker, logits, at, vocabulary, target);
        },
        dx,
        Write.SET,
        dw,
        Write.SET);
  }

  @Override
  public void tokenLosses(
      NdArray x,
      NdArray w,
      NdArray targets,
      double temperature,
      NdArray losses,
      NdArray logSumExp,
      NdArray entropies) {
    int vocabulary = w.shape().dim(0);
    targets(targets, vocabulary);
    markWritten(losses);
    markWritten(logSumExp);
    markWritten(entropies);
    TokenLosses rows = new TokenLosses(targets, vocabulary, temperature);
    engine.head(x, w, rows.losses(losses, logSumExp, entropies), null, Write.SET, null, Write.SET);
  }

  @Override
  public void tokenLossesBackward(
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
      Write dwWrite) {
    int vocabulary = w.shape().dim(0);
    targets(targets, vocabulary);
    markWritten(dx);
    markWritten(dw);
    TokenLosses rows = new TokenLosses(targets, vocabulary, temperature);
    engine.head(
        x, w, rows.gradients(logSumExp, entropies, dLosses, dEntropies), dx, dxWrite, dw, dwWrite);
  }

  private static void markWritten(NdArray array) {
    if (array != null) {
      array.storage().markWritten();
    }
  }

  private static int[] targets(NdArray targets, int vocabulary) {
    int[] ids = IntStorage.of(targets);
    IdChecks.requireTargets(ids, offset(targets), size(targets), vocabulary);
    return ids;
  }
}
