package dev.firesteel.backend.cpu;

import dev.firesteel.backend.cpu.Bf16Kernel.Extent;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;

/**
 * A matmul {@code C = op(A) op(B)} of one shape, with bf16 operands in row-major native memory and
 * float32 sums, divided into tiles of C that depend only on the shape. A tile is one
 * single-threaded oneDNN call over the whole reduction, so the bits of C depend only on the
 * operands.
 *
 * <p>Operands are read in place, not packed: oneDNN itself packs the part of B that a call needs, a
 * cost amortized by tiles of {@value #TILE_ROWS} rows. Measured with AMX, keeping packed weights
 * saves less than it costs to pack them twice (for y and for dx) in every step. With at most
 * {@value #PACKED_ROWS} rows nothing amortizes it, so there the weight is packed.
 */
final class Bf16Gemm implements AutoCloseable {
  static final int TILE_ROWS = 256;
  static final int MOST_TILE_COLUMNS = 512;

  /**
   * Where A is not transposed, so that the results of two threads that share a cache stay in it.
   */
  private static final int TILE_COLUMNS = 256;

  /**
   * A matmul with fewer tiles than this is divided into lower tiles, so that more threads have
   * work.
   */
  private static final int ENOUGH_TILES = 8;

  private static final int LOW_TILE_ROWS = 128;

  /**
   * Maximum rows of a matmul whose weight is packed: that is so in generation, where weights do not
   * change. By the rows alone, so that bits do not depend on what was computed before.
   */
  static final int PACKED_ROWS = 64;

  /**
   * Columns of a packed tile: narrow, so that a few threads get equal shares of the weight, whose
   * reading takes most of the time.
   */
  static final int PACKED_COLUMNS = 128;

  /**
   * The parameters that a matmul is compiled for.
   *
   * @param m rows of C
   * @param n columns of C
   * @param k length of the reduction
   * @param transposeA whether A is stored as [k, m] rather than [m, k]
   * @param strideA elements from row to row of A as stored
   * @param transposeB whether B is stored as [n, k] rather than [k, n]
   * @param strideB elements from row to row of B as stored
   * @param packedB whether B's tiles of {@value #PACKED_COLUMNS} columns are each {@linkplain
   *     Bf16Packing packed}; A is then not transposed and has few rows
   */
  record Form(
      int m,
      int n,
      int k,
      boolean transposeA,
      int strideA,
      boolean transposeB,
      int strideB,
      boolean packedB) {
    /** Neither operand packed. */
    Form(int m, int n, int k, boolean transposeA, int strideA, boolean transposeB, int strideB) {
      this(m, n, k, transposeA, strideA, transposeB, strideB, false);
    }

    /** Both operands without gaps between their rows. */
    static Form dense(int m, int n, int k, boolean transposeA, boolean transposeB) {
      return new Form(m, n, k, transposeA, transposeA ? m : k, transposeB, transposeB ? k : n);
    }

    /** {@code x w^T} of few rows for a packed weight [n, k]. */
    static Form packed(int m, int n, int k) {
      return new Form(m, n, k, false, k, true, k, true);
    }
  }

  private final Form form;
  private final int tileRows;
  private final int tileColumns;
  private final int columnTiles;
  private final int tiles;

  /** Bytes from one packed tile of B to the next. */
  private final long packedTileBytes;

  /** Indexed by whether the tile is in the last row and the last column of tiles. */
  private final Bf16Kernel[] kernels = new Bf16Kernel[4];

  /**
   * @param packings the layout of packed tiles of k by n
   */
  Bf16Gemm(OneDnn dnnl, Form form, int workers, Packings packings) {
    this.form = form;
    int mostColumns =
        form.packedB() ? PACKED_COLUMNS : form.transposeA() ? MOST_TILE_COLUMNS : TILE_COLUMNS;
    this.tileColumns = Math.min(mostColumns, form.n());
    this.columnTiles = Gemm.ceilDiv(form.n(), tileColumns);
    boolean enough = Gemm.ceilDiv(form.m(), TILE_ROWS) * columnTiles >= ENOUGH_TILES;
    this.tileRows = Math.min(enough ? TILE_ROWS : LOW_TILE_ROWS, form.m());
    this.tiles = Gemm.ceilDiv(form.m(), tileRows) * columnTiles;
    int lastRows = form.m() - (Gemm.ceilDiv(form.m(), tileRows) - 1) * tileRows;
    int lastColumns = form.n() - (columnTiles - 1) * tileColumns;
    Map<Extent, Bf16Kernel> compiled = new HashMap<>();
    for (int kind = 0; kind < 4; kind++) {
      int rows = (kind & 1) == 0 ? tileRows : lastRows;
      int columns = (kind & 2) == 0 ? tileColumns : lastColumns;
      kernels[kind] =
          compiled.computeIfAbsent(
              new Extent(
                  rows,
                  columns,
                  form.k(),
                  form.transposeA(),
                  form.strideA(),
                  form.transposeB(),
                  form.strideB(),
                  columns,
                  false),
              extent ->
                  form.packedB()
                      ? new Bf16Kernel(dnnl, extent, packings.of(extent.k(), extent.n()), workers)
                      : new Bf16Kernel(dnnl, extent, workers));
    }
    packedTileBytes = form.packedB() ? packings.of(form.k(), tileColumns).bytes() : 0;
  }

  /** Layouts of packed tiles, each made once. */
  interface Packings {
    Bf16Packing of(int k, int n);
  }

  int tiles() {
    return tiles;
  }

  /** First row of C in a tile. */
  int row(int tile) {
    return tile / columnTiles * tileRows;
  }

  /** First column of C in a tile. */
  int column(int tile) {
    return tile % columnTiles * tileColumns;
  }

  /** Rows of the tile that begins at {@code row}. */
  int rows(int row) {
    return Math.min(tileRows, form.m() - row);
  }

  /** Columns of the tile that begins at {@code column}. */
  int columns(int column) {
    return Math.min(tileColumns, form.n() - column);
  }

  /**
   * Computes one tile of C into {@link Bf16Worker#tile()}, its rows contiguous.
   *
   * @param a address of op(A)'s first element
   * @param b address of op(B)'s first element, or of its first packed tile
   */
  void multiply(int tile, Bf16Worker worker, long a, long b) {
    int row = row(tile);
    int column = column(tile);
    boolean lastRow = rows(row) < tileRows;
    boolean lastColumn = columns(column) < tileColumns;
    long fromA = a + Short.BYTES * (form.transposeA() ? row : (long) row * form.strideA());
    long fromB =
        form.packedB()
            ? b + column / tileColumns * packedTileBytes
            : b + Short.BYTES * (form.transposeB() ? (long) column * form.strideB() : column);
    kernels[(lastRow ? 1 : 0) + (lastColumn ? 2 : 0)].execute(
        worker, fromA, fromB, worker.tileAddress());
  }

  @Override
  public void close() {
    new HashSet<>(List.of(kernels)).forEach(Bf16Kernel::close);
  }
}
