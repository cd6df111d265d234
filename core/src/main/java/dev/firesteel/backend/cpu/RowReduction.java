package dev.firesteel.backend.cpu;

import java.util.Arrays;

/**
 * Sums over the rows of a matrix: rows in blocks of {@value #BLOCK_ROWS} into partial sums, then
 * these in index order. The cut is the same for any number of threads.
 */
final class RowReduction {
  private static final int BLOCK_ROWS = 64;
  private static final int COLUMNS_PER_TASK = 1024;

  private final WorkerPool pool;
  private float[] partials = new float[0];

  RowReduction(WorkerPool pool) {
    this.pool = pool;
  }

  /** Adds what one row gives to {@code sums[offset, offset + columns)}. */
  interface RowBody {
    void add(int row, float[] sums, int offset);
  }

  /** {@code out (+)= sum of what the rows give}. */
  void reduce(int rows, int columns, RowBody body, float[] out, int outOffset, boolean add) {
    int blocks = Gemm.ceilDiv(rows, BLOCK_ROWS);
    if (partials.length < blocks * columns) {
      partials = new float[Math.multiplyExact(blocks, columns)];
    }
    pool.run(
        blocks,
        (block, worker) -> {
          Arrays.fill(partials, block * columns, (block + 1) * columns, 0f);
          int end = Math.min(rows, (block + 1) * BLOCK_ROWS);
          for (int row = block * BLOCK_ROWS; row < end; row++) {
            body.add(row, partials, block * columns);
          }
        });
    pool.run(
        Gemm.ceilDiv(columns, COLUMNS_PER_TASK),
        (tile, worker) -> {
          int start = tile * COLUMNS_PER_TASK;
          int width = Math.min(COLUMNS_PER_TASK, columns - start);
          int to = outOffset + start;
          if (!add) {
            Arrays.fill(out, to, to + width, 0f);
          }
          for (int block = 0; block < blocks; block++) {
            Elementwise.add(out, to, partials, block * columns + start, width);
          }
        });
  }
}
