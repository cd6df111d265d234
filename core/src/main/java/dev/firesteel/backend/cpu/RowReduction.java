package dev.firesteel.backend.cpu;

import dev.firesteel.array.HeapStorage;
import dev.firesteel.array.NdArray;
import dev.firesteel.backend.Backend.Write;
import java.util.Arrays;

/**
 * Sums over the rows of a matrix: blocks of {@value #BLOCK_ROWS} rows into partial sums, then the
 * partial sums in index order. The blocks are the same for any number of threads.
 */
final class RowReduction {
  static final int BLOCK_ROWS = 64;
  private static final int COLUMNS_PER_TASK = 1024;

  private final WorkerPool pool;
  private float[] partials = new float[0];
  private int blocks;
  private int width;

  RowReduction(WorkerPool pool) {
    this.pool = pool;
  }

  /** Adds one row's contribution to {@code sums[offset, offset + width)}. */
  interface RowBody {
    void add(int row, float[] sums, int offset, Worker worker);
  }

  /** First pass: the partial sums of {@code width} values per row. */
  void addRows(int rows, int width, RowBody body) {
    this.width = width;
    blocks = Gemm.ceilDiv(rows, BLOCK_ROWS);
    if (partials.length < blocks * width) {
      partials = new float[Math.multiplyExact(blocks, width)];
    }
    pool.run(
        blocks,
        (block, worker) -> {
          Arrays.fill(partials, block * width, (block + 1) * width, 0f);
          int end = Math.min(rows, (block + 1) * BLOCK_ROWS);
          for (int row = block * BLOCK_ROWS; row < end; row++) {
            body.add(row, partials, block * width, worker);
          }
        });
  }

  /** Second pass: {@code out (+)= the sums of columns [first, first + size of out)}. */
  void total(int first, NdArray result, Write write) {
    float[] out = Tiles.written(result);
    int outOffset = HeapStorage.offset(result);
    int columns = Tiles.size(result);
    pool.run(
        Gemm.ceilDiv(columns, COLUMNS_PER_TASK),
        (tile, worker) -> {
          int start = tile * COLUMNS_PER_TASK;
          int size = Math.min(COLUMNS_PER_TASK, columns - start);
          int to = outOffset + start;
          if (write == Write.SET) {
            Arrays.fill(out, to, to + size, 0f);
          }
          for (int block = 0; block < blocks; block++) {
            worker.simd().elementwise().add(out, to, partials, block * width + first + start, size);
          }
        });
  }
}
