package dev.firesteel.backend.cpu;

import dev.firesteel.backend.cpu.Worker.Scratch;
import java.util.Arrays;

/**
 * Float32 matmul, {@code c[m, n] = sum_k a[m, k] * b[k, n]}. Each element of c is the chain {@code
 * fma(a[m, k], b[k, n], c)} in ascending k, on one thread: the bits do not depend on the tiling of
 * c, the number of threads, the vector width or the CPU.
 *
 * <p>All threads first pack the whole right operand into panels of {@value
 * ProductSimd#TILE_COLUMNS} columns; then each task takes some rows of the left operand and packs
 * {@value #DEPTH} columns of them at a time into panels of {@value ProductSimd#TILE_ROWS} rows. A
 * panel of the right operand (32 KiB) stays in the L1 cache while it is multiplied with all rows of
 * the task, whose panels (up to 128 KiB) stay in L2. If c is so wide that several tasks would each
 * pack the same rows, all threads first pack them once for all tasks. (Goto and van de Geijn 2008,
 * "Anatomy of high-performance matrix multiplication".)
 */
final class Gemm {
  /**
   * Maximum rows of c in one task: the number of times that a panel of the right operand is reused
   * from the cache.
   */
  private static final int MAX_TASK_ROWS = 128;

  /** Minimum rows in one task, before its columns are split instead. */
  private static final int MIN_TASK_ROWS = 64;

  /** The part of the sum covered by one pass over a task's tiles. */
  static final int DEPTH = 256;

  /** Maximum columns of c in one task: the number of times that packed rows are reused. */
  private static final int MAX_TASK_COLUMNS = 1024;

  /** Maximum rows and columns of c in one task if its rows are already in shared panels. */
  private static final int SHARED_TASK_SIZE = 256;

  /** Rows that one thread packs into shared panels at a time. */
  private static final int SHARED_PACK_ROWS = 64;

  /** Maximum floats of shared panels of rows (16 MiB), unless one row of tasks needs more. */
  private static final int MAX_SHARED_SIZE = 1 << 22;

  /** Minimum columns in one task if there are too few rows to occupy all threads. */
  private static final int MIN_TASK_COLUMNS = MAX_TASK_COLUMNS / 8;

  /**
   * Maximum rows for which the left operand is read in place, as in generation, which has one row
   * per sequence. With more rows, the larger tile outweighs the cost of packing.
   */
  private static final int FEW_ROWS = ProductSimd.FEW_ROWS;

  /**
   * Maximum rows that are always packed once for all tasks: a task of so few rows computes too
   * little to make up for packing them itself.
   */
  private static final int SHARED_ROWS = 64;

  /**
   * Padding between panels of the left operand, which would otherwise compete for the same cache
   * lines.
   */
  private static final int PANEL_PADDING = 16;

  private final WorkerPool pool;
  private final int maxSharedSize;
  private float[] shared = new float[0];

  Gemm(WorkerPool pool) {
    this(pool, MAX_SHARED_SIZE);
  }

  /** Uses {@code maxSharedSize} instead of {@value #MAX_SHARED_SIZE}. */
  Gemm(WorkerPool pool, int maxSharedSize) {
    this.pool = pool;
    this.maxSharedSize = maxSharedSize;
  }

  /** A matrix in a Java array, or, {@code transposed}, its rows as columns. */
  static final class Matrix {
    private final float[] array;
    private final int offset;
    private final int stride;
    private final boolean transposed;

    Matrix(float[] array, int offset, int stride, boolean transposed) {
      this.array = array;
      this.offset = offset;
      this.stride = stride;
      this.transposed = transposed;
    }
  }

  /** Applied to a finished range of c while it is in the cache: bias, activation. */
  interface Epilogue {
    void apply(int row, int rows, int column, int columns, Worker worker);
  }

  /** Size of the panels of a right operand, in floats. */
  static int panelsSize(int depth, int columns) {
    return Math.toIntExact(panelFloats(depth, columns));
  }

  /** As {@link #panelsSize}, for panels that may be too large for an array. */
  static long panelFloats(int depth, int columns) {
    return (long) depth * roundUp(columns, ProductSimd.TILE_COLUMNS);
  }

  /** Whether tasks share the left operand's panels. */
  private static boolean sharesRows(int rows, int columns) {
    return rows > FEW_ROWS && (columns > MAX_TASK_COLUMNS || rows <= SHARED_ROWS);
  }

  /**
   * Floats of a left operand [rows, depth] that tasks share in panels, excluding the panels'
   * padding; 0 if the result is so narrow that each task packs its own rows.
   */
  static long sharedFloats(int rows, int columns, int depth) {
    return sharesRows(rows, columns) && depth > 0
        ? (long) Math.min(rows, sharedRows(rows, depth, MAX_SHARED_SIZE)) * depth
        : 0;
  }

  /** The array, or a new one if it is shorter than {@code size}. */
  static float[] atLeast(float[] array, int size) {
    return array.length >= size ? array : new float[size];
  }

  static int roundUp(int value, int multiple) {
    return ceilDiv(value, multiple) * multiple;
  }

  static int ceilDiv(int value, int divisor) {
    return (int) (((long) value + divisor - 1) / divisor);
  }

  /** Packs a right operand [depth, columns] into panels, on all threads. */
  void pack(Matrix b, int depth, int columns, float[] panels) {
    int depthBlocks = ceilDiv(depth, DEPTH);
    pool.run(
        depthBlocks * ceilDiv(columns, ProductSimd.TILE_COLUMNS),
        (tile, worker) -> {
          int k = tile % depthBlocks * DEPTH;
          int n = tile / depthBlocks * ProductSimd.TILE_COLUMNS;
          int blockDepth = Math.min(DEPTH, depth - k);
          packRight(
              worker.simd().products(),
              b,
              k,
              blockDepth,
              n,
              Math.min(ProductSimd.TILE_COLUMNS, columns - n),
              panels,
              panelOffset(k, blockDepth, n, columns));
        });
  }

  /**
   * {@code c (+)= a * b} for a packed b, on all threads.
   *
   * @param c row-major, {@code cStride} from row to row
   * @param add whether the chains start from the content of c
   * @param epilogue null for none
   */
  void multiply(
      int rows,
      int columns,
      int depth,
      Matrix a,
      float[] panels,
      float[] c,
      int cOffset,
      int cStride,
      boolean add,
      Epilogue epilogue) {
    if (sharesRows(rows, columns) && depth > 0) {
      multiplyShared(rows, columns, depth, a, panels, c, cOffset, cStride, add, epilogue);
      return;
    }
    TaskSize size = taskSize(rows, columns, MAX_TASK_ROWS, MAX_TASK_COLUMNS);
    int columnTasks = ceilDiv(columns, size.columns);
    pool.run(
        ceilDiv(rows, size.rows) * columnTasks,
        (tile, worker) -> {
          int row = tile / columnTasks * size.rows;
          int taskRows = Math.min(size.rows, rows - row);
          int column = tile % columnTasks * size.columns;
          int width = Math.min(size.columns, columns - column);
          multiplyTask(
              worker, row, taskRows, column, width, columns, depth, a, panels, c, cOffset, cStride,
              add);
          if (epilogue != null) {
            epilogue.apply(row, taskRows, column, width, worker);
          }
        });
  }

  /** As {@link #multiply}, with rows packed once for all tasks. */
  private void multiplyShared(
      int rows,
      int columns,
      int depth,
      Matrix a,
      float[] panels,
      float[] c,
      int cOffset,
      int cStride,
      boolean add,
      Epilogue epilogue) {
    int slabRows = sharedRows(rows, depth, maxSharedSize);
    int slabPanels = ceilDiv(slabRows, ProductSimd.TILE_ROWS);
    int leftStride = leftStride(depth);
    int depthBlocks = ceilDiv(depth, DEPTH);
    shared = atLeast(shared, slabPanels * leftStride * depthBlocks);
    float[] left = shared;
    for (int slab = 0; slab < rows; slab += slabRows) {
      int firstRow = slab;
      int height = Math.min(slabRows, rows - slab);
      pool.run(
          ceilDiv(height, SHARED_PACK_ROWS) * depthBlocks,
          (tile, worker) -> {
            int block = tile % depthBlocks;
            int row = tile / depthBlocks * SHARED_PACK_ROWS;
            packLeft(
                worker.simd().products(),
                a,
                firstRow + row,
                Math.min(SHARED_PACK_ROWS, height - row),
                block * DEPTH,
                Math.min(DEPTH, depth - block * DEPTH),
                left,
                (block * slabPanels + row / ProductSimd.TILE_ROWS) * leftStride,
                leftStride);
          });
      TaskSize size = taskSize(height, columns, SHARED_TASK_SIZE, SHARED_TASK_SIZE);
      int rowTasks = ceilDiv(height, size.rows);
      pool.run(
          rowTasks * ceilDiv(columns, size.columns),
          (tile, worker) -> {
            int row = tile % rowTasks * size.rows;
            int taskRows = Math.min(size.rows, height - row);
            int column = tile / rowTasks * size.columns;
            int width = Math.min(size.columns, columns - column);
            for (int block = 0; block < depthBlocks; block++) {
              int k = block * DEPTH;
              int blockDepth = Math.min(DEPTH, depth - k);
              multiplyPanels(
                  worker,
                  left,
                  (block * slabPanels + row / ProductSimd.TILE_ROWS) * leftStride,
                  leftStride,
                  taskRows,
                  panels,
                  panelOffset(k, blockDepth, column, columns),
                  blockDepth * ProductSimd.TILE_COLUMNS,
                  width,
                  blockDepth,
                  c,
                  cOffset + (firstRow + row) * cStride + column,
                  cStride,
                  k == 0 && !add);
            }
            if (epilogue != null) {
              epilogue.apply(firstRow + row, taskRows, column, width, worker);
            }
          });
    }
  }

  /** Rows of a left operand that are in shared panels at the same time. */
  private static int sharedRows(int rows, int depth, int maxSharedSize) {
    int most = maxSharedSize / depth / SHARED_TASK_SIZE * SHARED_TASK_SIZE;
    return Math.min(roundUp(rows, ProductSimd.TILE_ROWS), Math.max(SHARED_TASK_SIZE, most));
  }

  /** Rows and columns of c in one task. */
  private record TaskSize(int rows, int columns) {}

  /**
   * Chooses tasks as large as possible while keeping all threads busy. The result does not depend
   * on it.
   */
  private TaskSize taskSize(int rows, int columns, int mostRows, int mostColumns) {
    int tasksWanted = pool.threads() == 1 ? 1 : 4 * pool.threads();
    int taskRows = mostRows;
    int taskColumns = mostColumns;
    while (ceilDiv(rows, taskRows) * ceilDiv(columns, taskColumns) < tasksWanted
        && (taskRows > MIN_TASK_ROWS || taskColumns > MIN_TASK_COLUMNS)) {
      if (taskRows > MIN_TASK_ROWS) {
        taskRows /= 2;
      } else {
        taskColumns /= 2;
      }
    }
    return new TaskSize(taskRows, taskColumns);
  }

  /** Floats from one panel of {@value ProductSimd#TILE_ROWS} rows to the next. */
  private static int leftStride(int depth) {
    return Math.min(DEPTH, depth) * ProductSimd.TILE_ROWS + PANEL_PADDING;
  }

  /** {@code c (+)= a * b} on the calling worker's thread only. */
  static void multiplyAlone(
      Worker worker,
      int rows,
      int columns,
      int depth,
      Matrix a,
      Matrix b,
      float[] c,
      int cOffset,
      int cStride,
      boolean add) {
    float[] panels = worker.scratch(Scratch.RIGHT_PANELS, panelsSize(depth, columns));
    for (int k = 0; k < depth; k += DEPTH) {
      int blockDepth = Math.min(DEPTH, depth - k);
      for (int n = 0; n < columns; n += ProductSimd.TILE_COLUMNS) {
        packRight(
            worker.simd().products(),
            b,
            k,
            blockDepth,
            n,
            Math.min(ProductSimd.TILE_COLUMNS, columns - n),
            panels,
            panelOffset(k, blockDepth, n, columns));
      }
    }
    for (int row = 0; row < rows; row += MAX_TASK_ROWS) {
      multiplyTask(
          worker,
          row,
          Math.min(MAX_TASK_ROWS, rows - row),
          0,
          columns,
          columns,
          depth,
          a,
          panels,
          c,
          cOffset,
          cStride,
          add);
    }
  }

  private static int panelOffset(int k, int blockDepth, int n, int columns) {
    return k * roundUp(columns, ProductSimd.TILE_COLUMNS) + n * blockDepth;
  }

  private static void multiplyTask(
      Worker worker,
      int row,
      int rows,
      int column,
      int width,
      int columns,
      int depth,
      Matrix a,
      float[] panels,
      float[] c,
      int cOffset,
      int cStride,
      boolean add) {
    int cTask = cOffset + row * cStride + column;
    if (depth == 0 && !add) {
      for (int r = 0; r < rows; r++) {
        Arrays.fill(c, cTask + r * cStride, cTask + r * cStride + width, 0f);
      }
    }
    if (rows <= FEW_ROWS && !a.transposed) {
      for (int k = 0; k < depth; k += DEPTH) {
        int blockDepth = Math.min(DEPTH, depth - k);
        int start = a.offset + row * a.stride + k;
        int panel = panelOffset(k, blockDepth, column, columns);
        boolean first = k == 0 && !add;
        multiplyFewRows(
            worker,
            a.array,
            start,
            a.stride,
            rows,
            panels,
            panel,
            width,
            blockDepth,
            c,
            cTask,
            cStride,
            first);
      }
      return;
    }
    int leftStride = leftStride(depth);
    int leftSize = ceilDiv(rows, ProductSimd.TILE_ROWS) * leftStride;
    float[] left = worker.scratch(Scratch.LEFT_PANELS, leftSize);
    for (int k = 0; k < depth; k += DEPTH) {
      int blockDepth = Math.min(DEPTH, depth - k);
      packLeft(worker.simd().products(), a, row, rows, k, blockDepth, left, 0, leftStride);
      multiplyPanels(
          worker,
          left,
          0,
          leftStride,
          rows,
          panels,
          panelOffset(k, blockDepth, column, columns),
          blockDepth * ProductSimd.TILE_COLUMNS,
          width,
          blockDepth,
          c,
          cTask,
          cStride,
          k == 0 && !add);
    }
  }

  /**
   * {@code c (+)= a * b} for operands in panels, on the calling thread.
   *
   * @param leftStride floats from one panel of {@value ProductSimd#TILE_ROWS} rows to the next
   * @param rightStride floats from one panel of {@value ProductSimd#TILE_COLUMNS} columns to the
   *     next
   * @param first whether the chains start from 0
   */
  static void multiplyPanels(
      Worker worker,
      float[] left,
      int leftOffset,
      int leftStride,
      int rows,
      float[] right,
      int rightOffset,
      int rightStride,
      int columns,
      int depth,
      float[] c,
      int cOffset,
      int cStride,
      boolean first) {
    ProductSimd simd = worker.simd().products();
    for (int n = 0; n < columns; n += ProductSimd.TILE_COLUMNS) {
      int panel = rightOffset + n / ProductSimd.TILE_COLUMNS * rightStride;
      int width = Math.min(ProductSimd.TILE_COLUMNS, columns - n);
      for (int m = 0; m < rows; m += ProductSimd.TILE_ROWS) {
        int rowPanel = leftOffset + m / ProductSimd.TILE_ROWS * leftStride;
        int tile = cOffset + m * cStride + n;
        int height = Math.min(ProductSimd.TILE_ROWS, rows - m);
        if (width == ProductSimd.TILE_COLUMNS && height == ProductSimd.TILE_ROWS) {
          simd.multiplyTile(left, rowPanel, right, panel, depth, c, tile, cStride, first);
        } else {
          multiplyEdge(
              worker, left, rowPanel, right, panel, depth, c, tile, cStride, height, width, first);
        }
      }
    }
  }

  /** As {@link #multiplyPanels}, for rows of a left operand that is not in panels. */
  private static void multiplyFewRows(
      Worker worker,
      float[] left,
      int leftOffset,
      int leftStride,
      int rows,
      float[] right,
      int rightOffset,
      int columns,
      int depth,
      float[] c,
      int cOffset,
      int cStride,
      boolean first) {
    float[] edge =
        worker.scratch(Scratch.EDGE_TILE, ProductSimd.TILE_ROWS * ProductSimd.TILE_COLUMNS);
    for (int n = 0; n < columns; n += ProductSimd.TILE_COLUMNS) {
      int panel = rightOffset + n * depth;
      int width = Math.min(ProductSimd.TILE_COLUMNS, columns - n);
      boolean whole = width == ProductSimd.TILE_COLUMNS;
      for (int m = 0; m < rows; m += ProductSimd.FEW_ROWS) {
        int height = Math.min(ProductSimd.FEW_ROWS, rows - m);
        int tile = cOffset + m * cStride + n;
        // A tile that extends beyond c is computed in a separate buffer.
        float[] to = whole ? c : edge;
        int toOffset = whole ? tile : 0;
        int toStride = whole ? cStride : ProductSimd.TILE_COLUMNS;
        if (!whole && !first) {
          copy(c, tile, cStride, edge, 0, ProductSimd.TILE_COLUMNS, height, width);
        }
        worker
            .simd()
            .products()
            .multiplyFewRows(
                left,
                leftOffset + m * leftStride,
                leftStride,
                height,
                right,
                panel,
                depth,
                to,
                toOffset,
                toStride,
                first);
        if (!whole) {
          copy(edge, 0, ProductSimd.TILE_COLUMNS, c, tile, cStride, height, width);
        }
      }
    }
  }

  /**
   * A tile that extends beyond c: computed in a separate buffer, from which the inner part is
   * copied.
   */
  private static void multiplyEdge(
      Worker worker,
      float[] left,
      int leftOffset,
      float[] right,
      int rightOffset,
      int depth,
      float[] c,
      int cOffset,
      int cStride,
      int height,
      int width,
      boolean first) {
    float[] edge =
        worker.scratch(Scratch.EDGE_TILE, ProductSimd.TILE_ROWS * ProductSimd.TILE_COLUMNS);
    if (!first) {
      copy(c, cOffset, cStride, edge, 0, ProductSimd.TILE_COLUMNS, height, width);
    }
    worker
        .simd()
        .products()
        .multiplyTile(
            left, leftOffset, right, rightOffset, depth, edge, 0, ProductSimd.TILE_COLUMNS, first);
    copy(edge, 0, ProductSimd.TILE_COLUMNS, c, cOffset, cStride, height, width);
  }

  private static void copy(
      float[] from,
      int fromOffset,
      int fromStride,
      float[] to,
      int toOffset,
      int toStride,
      int rows,
      int columns) {
    for (int r = 0; r < rows; r++) {
      System.arraycopy(from, fromOffset + r * fromStride, to, toOffset + r * toStride, columns);
    }
  }

  /**
   * Rows [row, row + rows), columns [k, k + depth) of a, in panels of 8 rows, padded with zeros.
   */
  private static void packLeft(
      ProductSimd simd,
      Matrix a,
      int row,
      int rows,
      int k,
      int depth,
      float[] panels,
      int panelOffset,
      int panelStride) {
    int whole = rows - rows % ProductSimd.TILE_ROWS;
    int last = panelOffset + whole / ProductSimd.TILE_ROWS * panelStride;
    if (a.transposed) {
      int start = a.offset + k * a.stride + row;
      if (depth > 0) {
        simd.packColumns(a.array, start, a.stride, depth, whole, panels, panelOffset, panelStride);
      }
      if (whole < rows) {
        packFewColumns(a.array, start + whole, a.stride, rows - whole, depth, panels, last);
      }
      return;
    }
    int start = a.offset + row * a.stride + k;
    for (int m = 0; m < whole; m += ProductSimd.TILE_ROWS) {
      int to = panelOffset + m / ProductSimd.TILE_ROWS * panelStride;
      packEightRows(a.array, start + m * a.stride, a.stride, depth, panels, to);
    }
    if (whole < rows) {
      packFewRows(a.array, start + whole * a.stride, a.stride, rows - whole, depth, panels, last);
    }
  }

  private static void packEightRows(
      float[] from, int start, int stride, int depth, float[] panels, int to) {
    int row1 = start + stride;
    int row2 = row1 + stride;
    int row3 = row2 + stride;
    int row4 = row3 + stride;
    int row5 = row4 + stride;
    int row6 = row5 + stride;
    int row7 = row6 + stride;
    for (int i = 0; i < depth; i++) {
      int at = to + i * ProductSimd.TILE_ROWS;
      panels[at] = from[start + i];
      panels[at + 1] = from[row1 + i];
      panels[at + 2] = from[row2 + i];
      panels[at + 3] = from[row3 + i];
      panels[at + 4] = from[row4 + i];
      panels[at + 5] = from[row5 + i];
      panels[at + 6] = from[row6 + i];
      panels[at + 7] = from[row7 + i];
    }
  }

  private static void packFewRows(
      float[] from, int start, int stride, int height, int depth, float[] panels, int to) {
    for (int r = 0; r < ProductSimd.TILE_ROWS; r++) {
      for (int i = 0; i < depth; i++) {
        panels[to + i * ProductSimd.TILE_ROWS + r] = r < height ? from[start + r * stride + i] : 0f;
      }
    }
  }

  private static void packFewColumns(
      float[] from, int start, int stride, int height, int depth, float[] panels, int to) {
    for (int i = 0; i < depth; i++) {
      for (int r = 0; r < ProductSimd.TILE_ROWS; r++) {
        panels[to + i * ProductSimd.TILE_ROWS + r] = r < height ? from[start + i * stride + r] : 0f;
      }
    }
  }

  /**
   * Rows [k, k + depth), columns [n, n + width) of b as one panel of 32 columns, padded with zeros.
   */
  static void packRight(
      ProductSimd simd, Matrix b, int k, int depth, int n, int width, float[] panels, int to) {
    float[] from = b.array;
    if (b.transposed) {
      for (int j = 0; j < width; j++) {
        int row = b.offset + (n + j) * b.stride + k;
        for (int i = 0; i < depth; i++) {
          panels[to + i * ProductSimd.TILE_COLUMNS + j] = from[row + i];
        }
      }
      for (int j = width; j < ProductSimd.TILE_COLUMNS; j++) {
        for (int i = 0; i < depth; i++) {
          panels[to + i * ProductSimd.TILE_COLUMNS + j] = 0f;
        }
      }
    } else if (width == ProductSimd.TILE_COLUMNS) {
      int start = b.offset + k * b.stride + n;
      simd.packRows(from, start, b.stride, depth, panels, to);
    } else {
      for (int i = 0; i < depth; i++) {
        int at = to + i * ProductSimd.TILE_COLUMNS;
        System.arraycopy(from, b.offset + (k + i) * b.stride + n, panels, at, width);
        for (int j = width; j < ProductSimd.TILE_COLUMNS; j++) {
          panels[at + j] = 0f;
        }
      }
    }
  }
}
