package dev.firesteel.backend.cpu;

import dev.firesteel.array.FloatStorage;
import dev.firesteel.array.NdArray;

/** Divides elementwise and row-wise work into tiles for a {@link WorkerPool}. */
final class Tiles {
  /** Elements of an elementwise kernel's tile: three arrays of this size fit in the L2 cache. */
  static final int SIZE = 16384;

  private final WorkerPool pool;

  Tiles(WorkerPool pool) {
    this.pool = pool;
  }

  interface RangeBody {
    void run(int start, int length, Worker worker);
  }

  interface RowBody {
    void run(int row, Worker worker);
  }

  /** Divides [0, size) into tiles of {@value #SIZE}. */
  void overRange(int size, RangeBody body) {
    pool.run(
        Gemm.ceilDiv(size, SIZE),
        (tile, worker) -> {
          int start = tile * SIZE;
          body.run(start, Math.min(SIZE, size - start), worker);
        });
  }

  /** Divides rows of the given width into tiles of about {@value #SIZE} elements. */
  void overRows(int rows, int width, RowBody body) {
    int tileRows = Math.max(1, SIZE / Math.max(1, width));
    pool.run(
        Gemm.ceilDiv(rows, tileRows),
        (tile, worker) -> {
          int end = Math.min(rows, (tile + 1) * tileRows);
          for (int row = tile * tileRows; row < end; row++) {
            body.run(row, worker);
          }
        });
  }

  /** The Java array behind a result, whose storage is marked as written. */
  static float[] written(NdArray array) {
    array.storage().markWritten();
    return FloatStorage.of(array);
  }

  /** The number of elements. */
  static int size(NdArray array) {
    return Math.toIntExact(array.size());
  }
}
