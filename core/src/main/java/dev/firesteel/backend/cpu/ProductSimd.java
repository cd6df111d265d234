package dev.firesteel.backend.cpu;

/**
 * The primitives of {@link Gemm}: register tiles, and the panels that they read. {@link
 * ScalarProducts} in plain Java and {@link VectorProducts} are bit-identical for every input.
 */
interface ProductSimd {
  /** Rows of a register tile, and of a panel of the left operand. */
  int TILE_ROWS = 8;

  /** Columns of a register tile, and of a panel of the right operand. */
  int TILE_COLUMNS = 32;

  /**
   * One register tile of a matmul: {@code c[r, j] = chain over k of fma(a[k, r], b[k, j], c[r,
   * j])}, the chain starting from 0 when {@code first}, else from the content of c.
   *
   * @param a panel of the left operand: {@code depth} times {@value #TILE_ROWS} values
   * @param b panel of the right operand: {@code depth} times {@value #TILE_COLUMNS} values
   * @param c {@value #TILE_ROWS} rows of {@value #TILE_COLUMNS}, {@code cStride} apart
   */
  void multiplyTile(
      float[] a,
      int aOffset,
      float[] b,
      int bOffset,
      int depth,
      float[] c,
      int cOffset,
      int cStride,
      boolean first);

  /** Maximum rows that {@link #multiplyFewRows} accepts. */
  int FEW_ROWS = 4;

  /**
   * As {@link #multiplyTile} for 1 to {@value #FEW_ROWS} rows, which are read in place: with so few
   * rows, reading the panel takes longer than multiplying.
   *
   * @param a rows of {@code depth} values, {@code aStride} apart
   */
  void multiplyFewRows(
      float[] a,
      int aOffset,
      int aStride,
      int rows,
      float[] b,
      int bOffset,
      int depth,
      float[] c,
      int cOffset,
      int cStride,
      boolean first);

  /**
   * A panel of the right operand: copies ranges of {@value #TILE_COLUMNS} floats, {@code stride}
   * apart, to consecutive ones.
   */
  void packRows(float[] x, int offset, int stride, int rows, float[] panel, int panelOffset);

  /**
   * Panels of a transposed left operand: copies columns {@code [p * 8, p * 8 + 8)} of each row to
   * panel p, consecutively.
   *
   * @param stride from row to row of x, at least {@code columns}
   * @param rows at least 1
   * @param columns a multiple of {@value #TILE_ROWS}
   * @param panelStride floats from one panel to the next
   */
  void packColumns(
      float[] x,
      int offset,
      int stride,
      int rows,
      int columns,
      float[] panels,
      int panelOffset,
      int panelStride);
}
