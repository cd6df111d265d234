package dev.firesteel.backend.opencl;

/**
 * Classes of matrix products for which one tile is chosen: by the result, since that decides how
 * many groups there are. Each has a product that stands for it when tiles are measured.
 */
enum ProductShape {
  /** At most {@value #THIN_SIDE} rows or columns: tokens of generation. */
  THIN(16, 1024, 1024),
  /** Up to 2^18 results. */
  SMALL(256, 512, 512),
  /** Up to 2^21 results: the layers of small models. */
  MEDIUM(1024, 768, 768),
  /** More: the layers of large ones, and heads. */
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

  /** The class of {@code batch} products with results of [rows, columns]. */
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

  /** M of the product {@code [M, K] x [K, N]} that stands for this class. */
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
