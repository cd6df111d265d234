package dev.firesteel.backend.cpu;

import static dev.firesteel.array.HeapStorage.offset;
import static dev.firesteel.backend.cpu.Tiles.size;
import static dev.firesteel.backend.cpu.Tiles.written;

import dev.firesteel.array.FloatStorage;
import dev.firesteel.array.NdArray;
import dev.firesteel.backend.AdamWStep;
import dev.firesteel.backend.Backend.Write;
import dev.firesteel.backend.LionStep;
import dev.firesteel.backend.OptimizerKernels;

/** Weight updates, in tiles. */
final class CpuOptimizer implements OptimizerKernels {
  private final Tiles tiles;
  private final RowReduction rowReduction;

  CpuOptimizer(Tiles tiles, RowReduction rowReduction) {
    this.tiles = tiles;
    this.rowReduction = rowReduction;
  }

  @Override
  public void adamW(
      AdamWStep step,
      NdArray gradients,
      NdArray firstMoments,
      NdArray secondMoments,
      NdArray weights) {
    float[] g = FloatStorage.of(gradients);
    float[] m = written(firstMoments);
    float[] v = written(secondMoments);
    float[] w = written(weights);
    int gStart = offset(gradients);
    int mStart = offset(firstMoments);
    int vStart = offset(secondMoments);
    int wStart = offset(weights);
    AdamWFactors factors = AdamWFactors.of(step);
    tiles.overRange(
        size(weights),
        (start, length, worker) ->
            worker
                .simd()
                .elementwise()
                .adamW(
                    factors,
                    g,
                    gStart + start,
                    m,
                    mStart + start,
                    v,
                    vStart + start,
                    w,
                    wStart + start,
                    length));
  }

  @Override
  public void lion(LionStep step, NdArray gradients, NdArray momentum, NdArray weights) {
    float[] g = FloatStorage.of(gradients);
    float[] m = written(momentum);
    float[] w = written(weights);
    int gStart = offset(gradients);
    int mStart = offset(momentum);
    int wStart = offset(weights);
    LionFactors factors = LionFactors.of(step);
    tiles.overRange(
        size(weights),
        (start, length, worker) ->
            worker
                .simd()
                .elementwise()
                .lion(factors, g, gStart + start, m, mStart + start, w, wStart + start, length));
  }

  /** A row's sum is a double, rounded once; columns are summed in blocks of rows. */
  @Override
  public void squareSums(NdArray x, NdArray rows, NdArray columns) {
    float[] from = FloatStorage.of(x);
    float[] ofRows = written(rows);
    int fromStart = offset(x);
    int rowsStart = offset(rows);
    int width = x.shape().last();
    rowReduction.addRows(
        x.shape().rows(),
        width,
        (row, sums, at, worker) -> {
          ElementwiseSimd simd = worker.simd().elementwise();
          int start = fromStart + row * width;
          float[] squares = worker.scratch(Worker.Scratch.FIRST, width);
          ofRows[rowsStart + row] = (float) CpuReductions.sumOfSquares(worker, from, start, width);
          simd.multiply(from, start, from, start, squares, 0, width);
          simd.add(sums, at, squares, 0, width);
        });
    rowReduction.total(0, columns, Write.SET);
  }

  @Override
  public void scaleRowsAndColumns(NdArray x, NdArray rows, NdArray columns) {
    float[] matrix = written(x);
    float[] ofRows = FloatStorage.of(rows);
    float[] ofColumns = FloatStorage.of(columns);
    int start = offset(x);
    int rowsStart = offset(rows);
    int columnsStart = offset(columns);
    int width = x.shape().last();
    tiles.overRows(
        x.shape().rows(),
        width,
        (row, worker) -> {
          ElementwiseSimd simd = worker.simd().elementwise();
          int at = start + row * width;
          simd.multiply(matrix, at, ofColumns, columnsStart, matrix, at, width);
          simd.scale(ofRows[rowsStart + row], matrix, at, matrix, at, width);
        });
  }
}
