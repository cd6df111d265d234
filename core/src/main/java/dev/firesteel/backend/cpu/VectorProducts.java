package dev.firesteel.backend.cpu;

import static dev.firesteel.backend.cpu.VectorConstants.LENGTH;
import static dev.firesteel.backend.cpu.VectorConstants.SPECIES;
import static dev.firesteel.backend.cpu.VectorConstants.VECTOR;
import static dev.firesteel.backend.cpu.VectorConstants.otherClass;

import jdk.incubator.vector.FloatVector;

/**
 * The primitives of matmul on the Vector API; the rules of {@link VectorSimd} also apply here. The
 * tile kernels stay longer than the JIT's limit for inlining (325 bytecodes): inlined into a
 * caller, their accumulators no longer fit the registers.
 */
final class VectorProducts implements ProductSimd {
  /** Initial values of the chains of a tile. */
  private static final float[] ZEROS = new float[TILE_COLUMNS];

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
    // Zeros to start from instead of a branch, which made the JIT spill registers on some runs.
    float[] from = first ? ZEROS : c;
    int fromOffset = first ? 0 : cOffset;
    int fromStride = first ? 0 : cStride;
    if (LENGTH == Simd.LANES) {
      int even = depth & ~1;
      if (even > 0) {
        multiplyEightRows(
            a, aOffset, b, bOffset, even, from, fromOffset, fromStride, c, cOffset, cStride);
      }
      if (even < depth) {
        int left = aOffset + even * TILE_ROWS;
        int right = bOffset + even * TILE_COLUMNS;
        boolean begun = even > 0;
        multiplyOneStep(
            a,
            left,
            b,
            right,
            begun ? c : from,
            begun ? cOffset : fromOffset,
            begun ? cStride : fromStride,
            c,
            cOffset,
            cStride);
      }
      return;
    }
    // Sixteen registers hold the accumulators of four rows by two vectors, not of eight.
    for (int row = 0; row < TILE_ROWS; row += 4) {
      for (int column = 0; column < TILE_COLUMNS; column += 2 * LENGTH) {
        multiplyFourRows(
            a,
            aOffset + row,
            b,
            bOffset + column,
            depth,
            from,
            fromOffset + row * fromStride + column,
            fromStride,
            c,
            cOffset + row * cStride + column,
            cStride);
      }
    }
  }

  /**
   * The last step of an odd depth. Not a second loop in {@link #multiplyEightRows}, because on JDK
   * 17 its accumulators were then boxed between the loops.
   */
  private static void multiplyOneStep(
      float[] a,
      int aOffset,
      float[] b,
      int bOffset,
      float[] from,
      int fromOffset,
      int fromStride,
      float[] c,
      int cOffset,
      int cStride) {
    for (int r = 0; r < TILE_ROWS; r++) {
      FloatVector left = FloatVector.broadcast(SPECIES, a[aOffset + r]);
      for (int n = 0; n < TILE_COLUMNS; n += LENGTH) {
        FloatVector sum = FloatVector.fromArray(SPECIES, from, fromOffset + r * fromStride + n);
        left.fma(FloatVector.fromArray(SPECIES, b, bOffset + n), sum)
            .intoArray(c, cOffset + r * cStride + n);
      }
    }
  }

  /** Eight rows by two vectors, an even depth: 16 accumulators of the 32 registers of AVX-512. */
  private static void multiplyEightRows(
      float[] a,
      int aOffset,
      float[] b,
      int bOffset,
      int depth,
      float[] from,
      int fromOffset,
      int fromStride,
      float[] c,
      int cOffset,
      int cStride) {
    FloatVector c00 = FloatVector.fromArray(SPECIES, from, fromOffset);
    FloatVector c01 = FloatVector.fromArray(SPECIES, from, fromOffset + LENGTH);
    FloatVector c10 = FloatVector.fromArray(SPECIES, from, fromOffset + fromStride);
    FloatVector c11 = FloatVector.fromArray(SPECIES, from, fromOffset + fromStride + LENGTH);
    FloatVector c20 = FloatVector.fromArray(SPECIES, from, fromOffset + 2 * fromStride);
    FloatVector c21 = FloatVector.fromArray(SPECIES, from, fromOffset + 2 * fromStride + LENGTH);
    FloatVector c30 = FloatVector.fromArray(SPECIES, from, fromOffset + 3 * fromStride);
    FloatVector c31 = FloatVector.fromArray(SPECIES, from, fromOffset + 3 * fromStride + LENGTH);
    FloatVector c40 = FloatVector.fromArray(SPECIES, from, fromOffset + 4 * fromStride);
    FloatVector c41 = FloatVector.fromArray(SPECIES, from, fromOffset + 4 * fromStride + LENGTH);
    FloatVector c50 = FloatVector.fromArray(SPECIES, from, fromOffset + 5 * fromStride);
    FloatVector c51 = FloatVector.fromArray(SPECIES, from, fromOffset + 5 * fromStride + LENGTH);
    FloatVector c60 = FloatVector.fromArray(SPECIES, from, fromOffset + 6 * fromStride);
    FloatVector c61 = FloatVector.fromArray(SPECIES, from, fromOffset + 6 * fromStride + LENGTH);
    FloatVector c70 = FloatVector.fromArray(SPECIES, from, fromOffset + 7 * fromStride);
    FloatVector c71 = FloatVector.fromArray(SPECIES, from, fromOffset + 7 * fromStride + LENGTH);
    // Two steps per iteration: loop overhead matters if another tenant's thread takes half of the
    // core's issue slots.
    for (int k = 0; k < depth; k += 2) {
      int right = bOffset + k * TILE_COLUMNS;
      int left = aOffset + k * TILE_ROWS;
      FloatVector b0 = FloatVector.fromArray(SPECIES, b, right);
      FloatVector b1 = FloatVector.fromArray(SPECIES, b, right + LENGTH);
      FloatVector a0 = FloatVector.broadcast(SPECIES, a[left]);
      c00 = a0.fma(b0, c00);
      c01 = a0.fma(b1, c01);
      FloatVector a1 = FloatVector.broadcast(SPECIES, a[left + 1]);
      c10 = a1.fma(b0, c10);
      c11 = a1.fma(b1, c11);
      FloatVector a2 = FloatVector.broadcast(SPECIES, a[left + 2]);
      c20 = a2.fma(b0, c20);
      c21 = a2.fma(b1, c21);
      FloatVector a3 = FloatVector.broadcast(SPECIES, a[left + 3]);
      c30 = a3.fma(b0, c30);
      c31 = a3.fma(b1, c31);
      FloatVector a4 = FloatVector.broadcast(SPECIES, a[left + 4]);
      c40 = a4.fma(b0, c40);
      c41 = a4.fma(b1, c41);
      FloatVector a5 = FloatVector.broadcast(SPECIES, a[left + 5]);
      c50 = a5.fma(b0, c50);
      c51 = a5.fma(b1, c51);
      FloatVector a6 = FloatVector.broadcast(SPECIES, a[left + 6]);
      c60 = a6.fma(b0, c60);
      c61 = a6.fma(b1, c61);
      FloatVector a7 = FloatVector.broadcast(SPECIES, a[left + 7]);
      c70 = a7.fma(b0, c70);
      c71 = a7.fma(b1, c71);
      FloatVector q0 = FloatVector.fromArray(SPECIES, b, right + TILE_COLUMNS);
      FloatVector q1 = FloatVector.fromArray(SPECIES, b, right + TILE_COLUMNS + LENGTH);
      FloatVector p0 = FloatVector.broadcast(SPECIES, a[left + TILE_ROWS]);
      c00 = p0.fma(q0, c00);
      c01 = p0.fma(q1, c01);
      FloatVector p1 = FloatVector.broadcast(SPECIES, a[left + TILE_ROWS + 1]);
      c10 = p1.fma(q0, c10);
      c11 = p1.fma(q1, c11);
      FloatVector p2 = FloatVector.broadcast(SPECIES, a[left + TILE_ROWS + 2]);
      c20 = p2.fma(q0, c20);
      c21 = p2.fma(q1, c21);
      FloatVector p3 = FloatVector.broadcast(SPECIES, a[left + TILE_ROWS + 3]);
      c30 = p3.fma(q0, c30);
      c31 = p3.fma(q1, c31);
      FloatVector p4 = FloatVector.broadcast(SPECIES, a[left + TILE_ROWS + 4]);
      c40 = p4.fma(q0, c40);
      c41 = p4.fma(q1, c41);
      FloatVector p5 = FloatVector.broadcast(SPECIES, a[left + TILE_ROWS + 5]);
      c50 = p5.fma(q0, c50);
      c51 = p5.fma(q1, c51);
      FloatVector p6 = FloatVector.broadcast(SPECIES, a[left + TILE_ROWS + 6]);
      c60 = p6.fma(q0, c60);
      c61 = p6.fma(q1, c61);
      FloatVector p7 = FloatVector.broadcast(SPECIES, a[left + TILE_ROWS + 7]);
      c70 = p7.fma(q0, c70);
      c71 = p7.fma(q1, c71);
    }
    if (c00.getClass() != VECTOR
        || c01.getClass() != VECTOR
        || c10.getClass() != VECTOR
        || c11.getClass() != VECTOR
        || c20.getClass() != VECTOR
        || c21.getClass() != VECTOR
        || c30.getClass() != VECTOR
        || c31.getClass() != VECTOR
        || c40.getClass() != VECTOR
        || c41.getClass() != VECTOR
        || c50.getClass() != VECTOR
        || c51.getClass() != VECTOR
        || c60.getClass() != VECTOR
        || c61.getClass() != VECTOR
        || c70.getClass() != VECTOR
        || c71.getClass() != VECTOR) {
      throw otherClass();
    }
    c00.intoArray(c, cOffset);
    c01.intoArray(c, cOffset + LENGTH);
    c10.intoArray(c, cOffset + cStride);
    c11.intoArray(c, cOffset + cStride + LENGTH);
    c20.intoArray(c, cOffset + 2 * cStride);
    c21.intoArray(c, cOffset + 2 * cStride + LENGTH);
    c30.intoArray(c, cOffset + 3 * cStride);
    c31.intoArray(c, cOffset + 3 * cStride + LENGTH);
    c40.intoArray(c, cOffset + 4 * cStride);
    c41.intoArray(c, cOffset + 4 * cStride + LENGTH);
    c50.intoArray(c, cOffset + 5 * cStride);
    c51.intoArray(c, cOffset + 5 * cStride + LENGTH);
    c60.intoArray(c, cOffset + 6 * cStride);
    c61.intoArray(c, cOffset + 6 * cStride + LENGTH);
    c70.intoArray(c, cOffset + 7 * cStride);
    c71.intoArray(c, cOffset + 7 * cStride + LENGTH);
  }

  /** Four rows by two vectors, a part of a tile. */
  private static void multiplyFourRows(
      float[] a,
      int aOffset,
      float[] b,
      int bOffset,
      int depth,
      float[] from,
      int fromOffset,
      int fromStride,
      float[] c,
      int cOffset,
      int cStride) {
    FloatVector c00 = FloatVector.fromArray(SPECIES, from, fromOffset);
    FloatVector c01 = FloatVector.fromArray(SPECIES, from, fromOffset + LENGTH);
    FloatVector c10 = FloatVector.fromArray(SPECIES, from, fromOffset + fromStride);
    FloatVector c11 = FloatVector.fromArray(SPECIES, from, fromOffset + fromStride + LENGTH);
    FloatVector c20 = FloatVector.fromArray(SPECIES, from, fromOffset + 2 * fromStride);
    FloatVector c21 = FloatVector.fromArray(SPECIES, from, fromOffset + 2 * fromStride + LENGTH);
    FloatVector c30 = FloatVector.fromArray(SPECIES, from, fromOffset + 3 * fromStride);
    FloatVector c31 = FloatVector.fromArray(SPECIES, from, fromOffset + 3 * fromStride + LENGTH);
    for (int k = 0; k < depth; k++) {
      int right = bOffset + k * TILE_COLUMNS;
      int left = aOffset + k * TILE_ROWS;
      FloatVector b0 = FloatVector.fromArray(SPECIES, b, right);
      FloatVector b1 = FloatVector.fromArray(SPECIES, b, right + LENGTH);
      FloatVector a0 = FloatVector.broadcast(SPECIES, a[left]);
      c00 = a0.fma(b0, c00);
      c01 = a0.fma(b1, c01);
      FloatVector a1 = FloatVector.broadcast(SPECIES, a[left + 1]);
      c10 = a1.fma(b0, c10);
      c11 = a1.fma(b1, c11);
      FloatVector a2 = FloatVector.broadcast(SPECIES, a[left + 2]);
      c20 = a2.fma(b0, c20);
      c21 = a2.fma(b1, c21);
      FloatVector a3 = FloatVector.broadcast(SPECIES, a[left + 3]);
      c30 = a3.fma(b0, c30);
      c31 = a3.fma(b1, c31);
    }
    if (c00.getClass() != VECTOR
        || c01.getClass() != VECTOR
        || c10.getClass() != VECTOR
        || c11.getClass() != VECTOR
        || c20.getClass() != VECTOR
        || c21.getClass() != VECTOR
        || c30.getClass() != VECTOR
        || c31.getClass() != VECTOR) {
      throw otherClass();
    }
    c00.intoArray(c, cOffset);
    c01.intoArray(c, cOffset + LENGTH);
    c10.intoArray(c, cOffset + cStride);
    c11.intoArray(c, cOffset + cStride + LENGTH);
    c20.intoArray(c, cOffset + 2 * cStride);
    c21.intoArray(c, cOffset + 2 * cStride + LENGTH);
    c30.intoArray(c, cOffset + 3 * cStride);
    c31.intoArray(c, cOffset + 3 * cStride + LENGTH);
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
    if (rows == 1) {
      for (int column = 0; column < TILE_COLUMNS; column += 2 * LENGTH) {
        multiplyOneRow(a, aOffset, b, bOffset + column, depth, c, cOffset + column, first);
      }
      return;
    }
    // Missing rows repeat the last one: it is computed and written twice, with the same bits.
    int row1 = Math.min(1, rows - 1);
    int row2 = Math.min(2, rows - 1);
    int row3 = rows - 1;
    for (int column = 0; column < TILE_COLUMNS; column += 2 * LENGTH) {
      multiplyRowsInPlace(
          a,
          aOffset,
          aOffset + row1 * aStride,
          aOffset + row2 * aStride,
          aOffset + row3 * aStride,
          b,
          bOffset + column,
          depth,
          c,
          cOffset + column,
          cOffset + column + row1 * cStride,
          cOffset + column + row2 * cStride,
          cOffset + column + row3 * cStride,
          first);
    }
  }

  /**
   * One row by two vectors: with fewer instructions, more of the panel is on its way from memory.
   */
  private static void multiplyOneRow(
      float[] a,
      int aOffset,
      float[] b,
      int bOffset,
      int depth,
      float[] c,
      int cOffset,
      boolean first) {
    float[] from = first ? ZEROS : c;
    FloatVector c0 = FloatVector.fromArray(SPECIES, from, first ? 0 : cOffset);
    FloatVector c1 = FloatVector.fromArray(SPECIES, from, first ? 0 : cOffset + LENGTH);
    for (int k = 0; k < depth; k++) {
      int right = bOffset + k * TILE_COLUMNS;
      FloatVector x = FloatVector.broadcast(SPECIES, a[aOffset + k]);
      c0 = x.fma(FloatVector.fromArray(SPECIES, b, right), c0);
      c1 = x.fma(FloatVector.fromArray(SPECIES, b, right + LENGTH), c1);
    }
    if (c0.getClass() != VECTOR || c1.getClass() != VECTOR) {
      throw otherClass();
    }
    c0.intoArray(c, cOffset);
    c1.intoArray(c, cOffset + LENGTH);
  }

  /**
   * Four rows, each read in place, by two vectors. Not shared with {@link #multiplyFourRows},
   * because the JIT eliminates bounds checks only for constant strides.
   */
  private static void multiplyRowsInPlace(
      float[] a,
      int a0,
      int a1,
      int a2,
      int a3,
      float[] b,
      int bOffset,
      int depth,
      float[] c,
      int c0,
      int c1,
      int c2,
      int c3,
      boolean first) {
    float[] from = first ? ZEROS : c;
    FloatVector c0x0 = FloatVector.fromArray(SPECIES, from, first ? 0 : c0);
    FloatVector c0x1 = FloatVector.fromArray(SPECIES, from, first ? 0 : c0 + LENGTH);
    FloatVector c1x0 = FloatVector.fromArray(SPECIES, from, first ? 0 : c1);
    FloatVector c1x1 = FloatVector.fromArray(SPECIES, from, first ? 0 : c1 + LENGTH);
    FloatVector c2x0 = FloatVector.fromArray(SPECIES, from, first ? 0 : c2);
    FloatVector c2x1 = FloatVector.fromArray(SPECIES, from, first ? 0 : c2 + LENGTH);
    FloatVector c3x0 = FloatVector.fromArray(SPECIES, from, first ? 0 : c3);
    FloatVector c3x1 = FloatVector.fromArray(SPECIES, from, first ? 0 : c3 + LENGTH);
    for (int k = 0; k < depth; k++) {
      int right = bOffset + k * TILE_COLUMNS;
      FloatVector b0 = FloatVector.fromArray(SPECIES, b, right);
      FloatVector b1 = FloatVector.fromArray(SPECIES, b, right + LENGTH);
      FloatVector x0 = FloatVector.broadcast(SPECIES, a[a0 + k]);
      c0x0 = x0.fma(b0, c0x0);
      c0x1 = x0.fma(b1, c0x1);
      FloatVector x1 = FloatVector.broadcast(SPECIES, a[a1 + k]);
      c1x0 = x1.fma(b0, c1x0);
      c1x1 = x1.fma(b1, c1x1);
      FloatVector x2 = FloatVector.broadcast(SPECIES, a[a2 + k]);
      c2x0 = x2.fma(b0, c2x0);
      c2x1 = x2.fma(b1, c2x1);
      FloatVector x3 = FloatVector.broadcast(SPECIES, a[a3 + k]);
      c3x0 = x3.fma(b0, c3x0);
      c3x1 = x3.fma(b1, c3x1);
    }
    if (c0x0.getClass() != VECTOR
        || c0x1.getClass() != VECTOR
        || c1x0.getClass() != VECTOR
        || c1x1.getClass() != VECTOR
        || c2x0.getClass() != VECTOR
        || c2x1.getClass() != VECTOR
        || c3x0.getClass() != VECTOR
        || c3x1.getClass() != VECTOR) {
      throw otherClass();
    }
    c0x0.intoArray(c, c0);
    c0x1.intoArray(c, c0 + LENGTH);
    c1x0.intoArray(c, c1);
    c1x1.intoArray(c, c1 + LENGTH);
    c2x0.intoArray(c, c2);
    c2x1.intoArray(c, c2 + LENGTH);
    c3x0.intoArray(c, c3);
    c3x1.intoArray(c, c3 + LENGTH);
  }

  @Override
  public void packRows(
      float[] x, int offset, int stride, int rows, float[] panel, int panelOffset) {
    for (int i = 0; i < rows * TILE_COLUMNS; i += LENGTH) {
      int from = offset + i / TILE_COLUMNS * stride + i % TILE_COLUMNS;
      FloatVector.fromArray(SPECIES, x, from).intoArray(panel, panelOffset + i);
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
    // A vector may be longer than a panel is wide: the excess is overwritten by the next row. The
    // last row is handled separately to stay within the arrays.
    int step = Math.min(LENGTH, TILE_ROWS);
    for (int r = 0; r < rows - 1; r++) {
      for (int i = 0; i < columns; i += step) {
        int to = panelOffset + i / TILE_ROWS * panelStride + r * TILE_ROWS + i % TILE_ROWS;
        FloatVector.fromArray(SPECIES, x, offset + r * stride + i).intoArray(panels, to);
      }
    }
    for (int i = 0; i < columns; i += TILE_ROWS) {
      int to = panelOffset + i / TILE_ROWS * panelStride + (rows - 1) * TILE_ROWS;
      System.arraycopy(x, offset + (rows - 1) * stride + i, panels, to, TILE_ROWS);
    }
  }
}
