package dev.firesteel.backend.cpu;

import static dev.firesteel.array.HeapStorage.offset;
import static dev.firesteel.backend.cpu.Tiles.size;
import static dev.firesteel.backend.cpu.Tiles.written;

import dev.firesteel.array.FloatStorage;
import dev.firesteel.array.NdArray;
import dev.firesteel.backend.Backend.Write;
import dev.firesteel.backend.ReductionKernels;
import java.util.Arrays;

/** Sums over blocks of fixed size, regardless of the number of threads. */
final class CpuReductions implements ReductionKernels {
  /** Elements per float32 partial sum in {@link #sum}, which adds these in double. */
  private static final int SUM_BLOCK = 1024;

  private final WorkerPool pool;
  private final RowReduction rowReduction;
  private double[] partials = new double[0];

  CpuReductions(WorkerPool pool, RowReduction rowReduction) {
    this.pool = pool;
    this.rowReduction = rowReduction;
  }

  private interface BlockSum {
    double sum(int start, int length, Worker worker);
  }

  @Override
  public void sumRows(NdArray x, NdArray out, Write write) {
    float[] from = FloatStorage.of(x);
    int width = x.shape().last();
    int start = offset(x);
    rowReduction.addRows(
        x.shape().rows(),
        width,
        (row, sums, at, worker) ->
            worker.simd().elementwise().add(sums, at, from, start + row * width, width));
    rowReduction.total(0, out, write);
  }

  @Override
  public void sum(NdArray x, NdArray out) {
    float[] from = FloatStorage.of(x);
    int fromStart = offset(x);
    double total =
        reduceBlocks(
            size(x),
            (start, length, worker) -> {
              double sum = 0;
              for (int i = 0; i < length; i += SUM_BLOCK) {
                int at = fromStart + start + i;
                sum += worker.simd().sum(from, at, Math.min(SUM_BLOCK, length - i));
              }
              return sum;
            });
    written(out)[offset(out)] = (float) total;
  }

  @Override
  public void sumsOfSquares(NdArray x, double[] sums, int first) {
    float[] from = FloatStorage.of(x);
    int fromStart = offset(x);
    sumBlocks(
        size(x),
        (start, length, worker) -> sumOfSquares(worker, from, fromStart + start, length),
        sums,
        first);
  }

  /** The sum of squares of a range, computed by one thread. */
  static double sumOfSquares(Worker worker, float[] x, int offset, int size) {
    double[] sums = worker.squares();
    Arrays.fill(sums, 0);
    worker.simd().elementwise().addSquares(x, offset, size, sums);
    for (int half = sums.length / 2; half > 0; half /= 2) {
      for (int i = 0; i < half; i++) {
        sums[i] += sums[half + i];
      }
    }
    return sums[0];
  }

  /** Sums of blocks of {@value ReductionKernels#BLOCK} elements, added in index order. */
  private double reduceBlocks(int size, BlockSum body) {
    int blocks = ReductionKernels.blocks(size);
    if (partials.length < blocks) {
      partials = new double[blocks];
    }
    sumBlocks(size, body, partials, 0);
    double total = 0;
    for (int block = 0; block < blocks; block++) {
      total += partials[block];
    }
    return total;
  }

  private void sumBlocks(int size, BlockSum body, double[] sums, int first) {
    pool.run(
        ReductionKernels.blocks(size),
        (block, worker) -> {
          int start = block * BLOCK;
          sums[first + block] = body.sum(start, Math.min(BLOCK, size - start), worker);
        });
  }
}
