package dev.firesteel.backend.opencl;

/**
 * Classes of matmuls that share a tile: by the size of the result, which determines the number of
 * groups. Each has a representative matmul for measuring tiles.
 */
enum ProductShape {
  /** At most {@value #THIN_SIDE} rows or columns: tokens of generation. */
  THIN(16, 1024, 1024),
  /** Up to 2^18 results. */
  SMALL(256, 512, 512),
  /** Up to 2^21 results: the layers of small models. */
  MEDIUM(1024, 768, 768),
  /** More: the layers of large models, and output heads. */
  LARGE(2048, 768, 3072);

  private static final int THIN_SIDE = 32;
  private static final long MOST_SMALL = 1 << 18;
  private static final long MOST_MEDIUM = 1 << 21;

  private final int rows;
  private final int inner;
  private final int columns;

  ProductShape(int rows, int inner, int columns) {
    this.rows = rows;
    this.inner = inner;
    this.columns = columns;
  }

  /** The class of {@code batch} matmuls with results of [rows, columns]. */
  static ProductShape of(int batch, int rows, int columns) {
    if (Math.min(rows, columns) <= THIN_SIDE) {
      return THIN;
    }
    long results = (long) batch * rows * columns;
    if (results <= MOST_SMALL) {
      return SMALL;
    }
    return results <= MOST_MEDIUM ? MEDIUM : LARGE;
  }

  /** M of the matmul {@code [M, K] x [K, N]} that represents this class. */
  int rows() {
    return rows;
  }

  /** Its K. */
  int inner() {
    return inner;
  }

  /** Its N. */
  int columns() {
    return columns;
  }
}
