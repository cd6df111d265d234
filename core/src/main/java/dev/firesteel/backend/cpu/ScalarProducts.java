package dev.firesteel.backend.cpu;

import java.util.Arrays;

/** The primitives of matmul in plain Java. */
final class ScalarProducts implements ProductSimd {
  @Override
  public void multiplyTile(
      float[] a,
      int aOffset,
      float[] b,
      int bOffset,
      int depth,
      float[] c,
      int cOffset,
      int cStride,
      boolean first) {
    for (int r = 0; r < TILE_ROWS; r++) {
      multiplyRow(a, aOffset + r, TILE_ROWS, b, bOffset, depth, c, cOffset + r * cStride, first);
    }
  }

  @Override
  public void multiplyFewRows(
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
      boolean first) {
    for (int r = 0; r < rows; r++) {
      int row = cOffset + r * cStride;
      multiplyRow(a, aOffset + r * aStride, 1, b, bOffset, depth, c, row, first);
    }
  }

  /** One row of a tile; its left values are {@code aStep} apart. */
  private static void multiplyRow(
      float[] a,
      int aOffset,
      int aStep,
      float[] b,
      int bOffset,
      int depth,
      float[] c,
      int row,
      boolean first) {
    if (first) {
      Arrays.fill(c, row, row + TILE_COLUMNS, 0f);
    }
    for (int k = 0; k < depth; k++) {
      float left = a[aOffset + k * aStep];
      int right = bOffset + k * TILE_COLUMNS;
      for (int j = 0; j < TILE_COLUMNS; j++) {
        c[row + j] = Math.fma(left, b[right + j], c[row + j]);
      }
    }
  }

  @Override
  public void packRows(
      float[] x, int offset, int stride, int rows, float[] panel, int panelOffset) {
    for (int r = 0; r < rows; r++) {
      System.arraycopy(x, offset + r * stride, panel, panelOffset + r * TILE_COLUMNS, TILE_COLUMNS);
    }
  }

  @Override
  public void packColumns(
      float[] x,
      int offset,
      int stride,
      int rows,
      int columns,
      float[] panels,
      int panelOffset,
      int panelStride) {
    for (int r = 0; r < rows; r++) {
      for (int i = 0; i < columns; i += TILE_ROWS) {
        int to = panelOffset + i / TILE_ROWS * panelStride + r * TILE_ROWS;
        System.arraycopy(x, offset + r * stride + i, panels, to, TILE_ROWS);
      }
    }
  }
}
