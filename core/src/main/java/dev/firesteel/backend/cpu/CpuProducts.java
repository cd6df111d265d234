package dev.firesteel.backend.cpu;

import static dev.firesteel.array.HeapStorage.offset;
import static dev.firesteel.backend.cpu.Tiles.size;
import static dev.firesteel.backend.cpu.Tiles.written;

import dev.firesteel.array.FloatStorage;
import dev.firesteel.array.IntStorage;
import dev.firesteel.array.NdArray;
import dev.firesteel.backend.Activation;
import dev.firesteel.backend.Backend.Write;
import dev.firesteel.backend.IdChecks;
import dev.firesteel.backend.ProductKernels;
import dev.firesteel.backend.cpu.Gemm.Matrix;

/**
 * Matmuls by the {@link MatrixEngine} of a precision; batched matmuls and embeddings in float32.
 */
final class CpuProducts implements ProductKernels {
  private final WorkerPool pool;
  private final Tiles tiles;
  private final MatrixEngine engine;

  CpuProducts(WorkerPool pool, Tiles tiles, MatrixEngine engine) {
    this.pool = pool;
    this.tiles = tiles;
    this.engine = engine;
  }

  @Override
  public void linear(
      NdArray x, NdArray w, NdArray bias, Activation f, NdArray preActivation, NdArray out) {
    if (preActivation != null) {
      preActivation.storage().markWritten();
    }
    out.storage().markWritten();
    engine.linear(x, w, bias, f, preActivation, out);
  }

  @Override
  public void linearBackwardInput(NdArray dy, NdArray w, NdArray dx, Write write) {
    dx.storage().markWritten();
    engine.linearBackwardInput(dy, w, dx, write);
  }

  @Override
  public void linearBackwardWeight(NdArray dy, NdArray x, NdArray dw, Write write) {
    dw.storage().markWritten();
    engine.linearBackwardWeight(dy, x, dw, write);
  }

  @Override
  public NdArray keep(NdArray x) {
    return engine.keep(x);
  }

  @Override
  public void matmul(
      NdArray a, boolean transposeA, NdArray b, boolean transposeB, NdArray out, Write write) {
    int rows = out.shape().dim(-2);
    int columns = out.shape().dim(-1);
    int depth = a.shape().dim(transposeA ? -2 : -1);
    int matrices = rows * columns == 0 ? 0 : size(out) / (rows * columns);
    float[] left = FloatStorage.of(a);
    float[] right = FloatStorage.of(b);
    float[] to = written(out);
    int leftStart = offset(a);
    int rightStart = offset(b);
    int toStart = offset(out);
    pool.run(
        matrices,
        (i, worker) ->
            Gemm.multiplyAlone(
                worker,
                rows,
                columns,
                depth,
                new Matrix(
                    left, leftStart + i * rows * depth, transposeA ? rows : depth, transposeA),
                new Matrix(
                    right,
                    rightStart + i * depth * columns,
                    transposeB ? depth : columns,
                    transposeB),
                to,
                toStart + i * rows * columns,
                columns,
                write == Write.ADD));
  }

  @Override
  public void embedding(NdArray ids, NdArray table, NdArray out) {
    int[] rows = IntStorage.of(ids);
    int idStart = offset(ids);
    int width = table.shape().dim(1);
    IdChecks.requireRows(rows, idStart, size(ids), table.shape().dim(0));
    float[] from = FloatStorage.of(table);
    float[] to = written(out);
    int fromStart = offset(table);
    int toStart = offset(out);
    tiles.overRows(
        size(ids),
        width,
        (i, worker) ->
            System.arraycopy(
                from, fromStart + rows[idStart + i] * width, to, toStart + i * width, width));
  }

  /** Each row of the table belongs to one task, which goes through the ids in index order. */
  @Override
  public void embeddingBackward(NdArray ids, NdArray dy, NdArray dTable) {
    int[] rows = IntStorage.of(ids);
    int idStart = offset(ids);
    int count = size(ids);
    float[] gradient = FloatStorage.of(dy);
    float[] to = written(dTable);
    int gradientStart = offset(dy);
    int toStart = offset(dTable);
    int width = dTable.shape().dim(1);
    int tasks = pool.threads() == 1 ? 1 : 4 * pool.threads();
    pool.run(
        tasks,
        (task, worker) -> {
          for (int i = 0; i < count; i++) {
            int id = rows[idStart + i];
            if (id % tasks == task) {
              int from = gradientStart + i * width;
              worker.simd().elementwise().add(to, toStart + id * width, gradient, from, width);
            }
          }
        });
  }
}
