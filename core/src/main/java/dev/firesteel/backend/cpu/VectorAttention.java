package dev.firesteel.backend.cpu;

import static dev.firesteel.backend.cpu.VectorConstants.BITS;
import static dev.firesteel.backend.cpu.VectorConstants.LENGTH;
import static dev.firesteel.backend.cpu.VectorConstants.ONE;
import static dev.firesteel.backend.cpu.VectorConstants.SPECIES;
import static dev.firesteel.backend.cpu.VectorConstants.VECTOR;
import static dev.firesteel.backend.cpu.VectorConstants.V_E0;
import static dev.firesteel.backend.cpu.VectorConstants.V_E1;
import static dev.firesteel.backend.cpu.VectorConstants.V_E2;
import static dev.firesteel.backend.cpu.VectorConstants.V_E3;
import static dev.firesteel.backend.cpu.VectorConstants.V_E4;
import static dev.firesteel.backend.cpu.VectorConstants.V_EXP_OR_ZERO_MIN;
import static dev.firesteel.backend.cpu.VectorConstants.V_LOG2_E;
import static dev.firesteel.backend.cpu.VectorConstants.V_MINUS_LN2_HIGH;
import static dev.firesteel.backend.cpu.VectorConstants.V_MINUS_LN2_LOW;
import static dev.firesteel.backend.cpu.VectorConstants.V_ROUNDER;
import static dev.firesteel.backend.cpu.VectorConstants.ZERO;
import static dev.firesteel.backend.cpu.VectorConstants.otherClass;

import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.IntVector;
import jdk.incubator.vector.VectorOperators;

/** The primitives of attention on the Vector API, following the rules of {@link VectorSimd}. */
final class VectorAttention implements AttentionSimd {

  /** Of 1, whose exponent is 0. */
  private static final int ONE_BITS = Float.floatToRawIntBits(1f);

  /** Initial values of the chains of a tile. */
  private static final float[] ZEROS = new float[TILE_COLUMNS];

  @Override
  public void multiplyRows(
      float[] a,
      int aOffset,
      float[] b,
      int bOffset,
      int depth,
      float[] c,
      int cOffset,
      boolean first) {
    // Zeros to start from instead of a branch, which made the JIT spill registers on some runs.
    float[] from = first ? ZEROS : c;
    int fromOffset = first ? 0 : cOffset;
    int fromStride = first ? 0 : PANEL;
    if (LENGTH == GROUP) {
      multiplyEightRows(a, aOffset, b, bOffset, depth, from, fromOffset, fromStride, c, cOffset);
      return;
    }
    // Sixteen registers hold the accumulators of four rows by two vectors, not of eight.
    for (int row = 0; row < TILE_ROWS; row += 4) {
      for (int column = 0; column < TILE_COLUMNS; column += 2 * LENGTH) {
        multiplyFourRows(
            a,
            aOffset + row * PANEL,
            b,
            bOffset + column,
            depth,
            from,
            fromOffset + row * fromStride + column,
            fromStride,
            c,
            cOffset + row * PANEL + column);
      }
    }
  }

  /** Eight rows by two vectors: 16 accumulators of the 32 registers of AVX-512. */
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
      int cOffset) {
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
    for (int k = 0; k < depth; k++) {
      int right = bOffset + k * PANEL;
      int left = aOffset + k;
      FloatVector b0 = FloatVector.fromArray(SPECIES, b, right);
      FloatVector b1 = FloatVector.fromArray(SPECIES, b, right + LENGTH);
      FloatVector a0 = FloatVector.broadcast(SPECIES, a[left]);
      c00 = a0.fma(b0, c00);
      c01 = a0.fma(b1, c01);
      FloatVector a1 = FloatVector.broadcast(SPECIES, a[left + PANEL]);
      c10 = a1.fma(b0, c10);
      c11 = a1.fma(b1, c11);
      FloatVector a2 = FloatVector.broadcast(SPECIES, a[left + 2 * PANEL]);
      c20 = a2.fma(b0, c20);
      c21 = a2.fma(b1, c21);
      FloatVector a3 = FloatVector.broadcast(SPECIES, a[left + 3 * PANEL]);
      c30 = a3.fma(b0, c30);
      c31 = a3.fma(b1, c31);
      FloatVector a4 = FloatVector.broadcast(SPECIES, a[left + 4 * PANEL]);
      c40 = a4.fma(b0, c40);
      c41 = a4.fma(b1, c41);
      FloatVector a5 = FloatVector.broadcast(SPECIES, a[left + 5 * PANEL]);
      c50 = a5.fma(b0, c50);
      c51 = a5.fma(b1, c51);
      FloatVector a6 = FloatVector.broadcast(SPECIES, a[left + 6 * PANEL]);
      c60 = a6.fma(b0, c60);
      c61 = a6.fma(b1, c61);
      FloatVector a7 = FloatVector.broadcast(SPECIES, a[left + 7 * PANEL]);
      c70 = a7.fma(b0, c70);
      c71 = a7.fma(b1, c71);
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
    c10.intoArray(c, cOffset + PANEL);
    c11.intoArray(c, cOffset + PANEL + LENGTH);
    c20.intoArray(c, cOffset + 2 * PANEL);
    c21.intoArray(c, cOffset + 2 * PANEL + LENGTH);
    c30.intoArray(c, cOffset + 3 * PANEL);
    c31.intoArray(c, cOffset + 3 * PANEL + LENGTH);
    c40.intoArray(c, cOffset + 4 * PANEL);
    c41.intoArray(c, cOffset + 4 * PANEL + LENGTH);
    c50.intoArray(c, cOffset + 5 * PANEL);
    c51.intoArray(c, cOffset + 5 * PANEL + LENGTH);
    c60.intoArray(c, cOffset + 6 * PANEL);
    c61.intoArray(c, cOffset + 6 * PANEL + LENGTH);
    c70.intoArray(c, cOffset + 7 * PANEL);
    c71.intoArray(c, cOffset + 7 * PANEL + LENGTH);
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
      int cOffset) {
    FloatVector c00 = FloatVector.fromArray(SPECIES, from, fromOffset);
    FloatVector c01 = FloatVector.fromArray(SPECIES, from, fromOffset + LENGTH);
    FloatVector c10 = FloatVector.fromArray(SPECIES, from, fromOffset + fromStride);
    FloatVector c11 = FloatVector.fromArray(SPECIES, from, fromOffset + fromStride + LENGTH);
    FloatVector c20 = FloatVector.fromArray(SPECIES, from, fromOffset + 2 * fromStride);
    FloatVector c21 = FloatVector.fromArray(SPECIES, from, fromOffset + 2 * fromStride + LENGTH);
    FloatVector c30 = FloatVector.fromArray(SPECIES, from, fromOffset + 3 * fromStride);
    FloatVector c31 = FloatVector.fromArray(SPECIES, from, fromOffset + 3 * fromStride + LENGTH);
    for (int k = 0; k < depth; k++) {
      int right = bOffset + k * PANEL;
      int left = aOffset + k;
      FloatVector b0 = FloatVector.fromArray(SPECIES, b, right);
      FloatVector b1 = FloatVector.fromArray(SPECIES, b, right + LENGTH);
      FloatVector a0 = FloatVector.broadcast(SPECIES, a[left]);
      c00 = a0.fma(b0, c00);
      c01 = a0.fma(b1, c01);
      FloatVector a1 = FloatVector.broadcast(SPECIES, a[left + PANEL]);
      c10 = a1.fma(b0, c10);
      c11 = a1.fma(b1, c11);
      FloatVector a2 = FloatVector.broadcast(SPECIES, a[left + 2 * PANEL]);
      c20 = a2.fma(b0, c20);
      c21 = a2.fma(b1, c21);
      FloatVector a3 = FloatVector.broadcast(SPECIES, a[left + 3 * PANEL]);
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
    c10.intoArray(c, cOffset + PANEL);
    c11.intoArray(c, cOffset + PANEL + LENGTH);
    c20.intoArray(c, cOffset + 2 * PANEL);
    c21.intoArray(c, cOffset + 2 * PANEL + LENGTH);
    c30.intoArray(c, cOffset + 3 * PANEL);
    c31.intoArray(c, cOffset + 3 * PANEL + LENGTH);
  }

  @Override
  public void multiplyColumns(
      float[] a,
      int aOffset,
      float[] b,
      int bOffset,
      int depth,
      float[] c,
      int cOffset,
      boolean first) {
    // Zeros to start from instead of a branch, which made the JIT spill registers on some runs.
    float[] from = first ? ZEROS : c;
    int fromOffset = first ? 0 : cOffset;
    int fromStride = first ? 0 : PANEL;
    if (LENGTH == GROUP) {
      multiplyEightColumns(a, aOffset, b, bOffset, depth, from, fromOffset, fromStride, c, cOffset);
      return;
    }
    // Sixteen registers hold the accumulators of four rows by two vectors, not of eight.
    for (int row = 0; row < TILE_ROWS; row += 4) {
      for (int column = 0; column < TILE_COLUMNS; column += 2 * LENGTH) {
        multiplyFourColumns(
            a,
            aOffset + row,
            b,
            bOffset + column,
            depth,
            from,
            fromOffset + row * fromStride + column,
            fromStride,
            c,
            cOffset + row * PANEL + column);
      }
    }
  }

  /** Eight columns of the left operand by two vectors. */
  private static void multiplyEightColumns(
      float[] a,
      int aOffset,
      float[] b,
      int bOffset,
      int depth,
      float[] from,
      int fromOffset,
      int fromStride,
      float[] c,
      int cOffset) {
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
    for (int k = 0; k < depth; k++) {
      int right = bOffset + k * PANEL;
      int left = aOffset + k * PANEL;
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
    c10.intoArray(c, cOffset + PANEL);
    c11.intoArray(c, cOffset + PANEL + LENGTH);
    c20.intoArray(c, cOffset + 2 * PANEL);
    c21.intoArray(c, cOffset + 2 * PANEL + LENGTH);
    c30.intoArray(c, cOffset + 3 * PANEL);
    c31.intoArray(c, cOffset + 3 * PANEL + LENGTH);
    c40.intoArray(c, cOffset + 4 * PANEL);
    c41.intoArray(c, cOffset + 4 * PANEL + LENGTH);
    c50.intoArray(c, cOffset + 5 * PANEL);
    c51.intoArray(c, cOffset + 5 * PANEL + LENGTH);
    c60.intoArray(c, cOffset + 6 * PANEL);
    c61.intoArray(c, cOffset + 6 * PANEL + LENGTH);
    c70.intoArray(c, cOffset + 7 * PANEL);
    c71.intoArray(c, cOffset + 7 * PANEL + LENGTH);
  }

  /** Four columns of the left operand by two vectors, a part of a tile. */
  private static void multiplyFourColumns(
      float[] a,
      int aOffset,
      float[] b,
      int bOffset,
      int depth,
      float[] from,
      int fromOffset,
      int fromStride,
      float[] c,
      int cOffset) {
    FloatVector c00 = FloatVector.fromArray(SPECIES, from, fromOffset);
    FloatVector c01 = FloatVector.fromArray(SPECIES, from, fromOffset + LENGTH);
    FloatVector c10 = FloatVector.fromArray(SPECIES, from, fromOffset + fromStride);
    FloatVector c11 = FloatVector.fromArray(SPECIES, from, fromOffset + fromStride + LENGTH);
    FloatVector c20 = FloatVector.fromArray(SPECIES, from, fromOffset + 2 * fromStride);
    FloatVector c21 = FloatVector.fromArray(SPECIES, from, fromOffset + 2 * fromStride + LENGTH);
    FloatVector c30 = FloatVector.fromArray(SPECIES, from, fromOffset + 3 * fromStride);
    FloatVector c31 = FloatVector.fromArray(SPECIES, from, fromOffset + 3 * fromStride + LENGTH);
    for (int k = 0; k < depth; k++) {
      int right = bOffset + k * PANEL;
      int left = aOffset + k * PANEL;
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
    c10.intoArray(c, cOffset + PANEL);
    c11.intoArray(c, cOffset + PANEL + LENGTH);
    c20.intoArray(c, cOffset + 2 * PANEL);
    c21.intoArray(c, cOffset + 2 * PANEL + LENGTH);
    c30.intoArray(c, cOffset + 3 * PANEL);
    c31.intoArray(c, cOffset + 3 * PANEL + LENGTH);
  }

  @Override
  public void transpose(
      float[] from,
      int fromOffset,
      int fromStride,
      int rows,
      int width,
      float factor,
      float[] to,
      int toOffset) {
    int whole = width - width % 8;
    for (int j = 0; j < whole; j += 8) {
      for (int r = 0; r < rows; r++) {
        int row = fromOffset + r * fromStride + j;
        int column = toOffset + j * PANEL + r;
        to[column] = factor * from[row];
        to[column + PANEL] = factor * from[row + 1];
        to[column + 2 * PANEL] = factor * from[row + 2];
        to[column + 3 * PANEL] = factor * from[row + 3];
        to[column + 4 * PANEL] = factor * from[row + 4];
        to[column + 5 * PANEL] = factor * from[row + 5];
        to[column + 6 * PANEL] = factor * from[row + 6];
        to[column + 7 * PANEL] = factor * from[row + 7];
      }
    }
    for (int j = whole; j < width; j++) {
      for (int r = 0; r < rows; r++) {
        to[toOffset + j * PANEL + r] = factor * from[fromOffset + r * fromStride + j];
      }
    }
  }

  @Override
  public void copyRows(
      float[] from,
      int fromOffset,
      int fromStride,
      int rows,
      int width,
      float[] to,
      int toOffset,
      int toStride) {
    int whole = width - width % LENGTH;
    for (int r = 0; r < rows; r++) {
      int fromRow = fromOffset + r * fromStride;
      int toRow = toOffset + r * toStride;
      // Rows are short: a call of System.arraycopy takes longer than their vectors.
      for (int i = 0; i < whole; i += LENGTH) {
        FloatVector.fromArray(SPECIES, from, fromRow + i).intoArray(to, toRow + i);
      }
      for (int i = whole; i < width; i++) {
        to[toRow + i] = from[fromRow + i];
      }
    }
  }

  @Override
  public void exponentials(float[] scores, int at, int keys, float[] maxima, float[] sums, int q) {
    int even = keys - keys % 2;
    for (int lane = 0; lane < GROUP; lane += LENGTH) {
      int start = at + lane;
      // Two alternating maxima: a single one would be a dependency chain.
      FloatVector max = FloatVector.broadcast(SPECIES, Float.NEGATIVE_INFINITY);
      FloatVector max1 = max;
      for (int key = 0; key < even; key += 2) {
        FloatVector x = FloatVector.fromArray(SPECIES, scores, start + key * PANEL);
        FloatVector x1 = FloatVector.fromArray(SPECIES, scores, start + key * PANEL + PANEL);
        if (x.getClass() != VECTOR
            || x1.getClass() != VECTOR
            || max.getClass() != VECTOR
            || max1.getClass() != VECTOR) {
          throw otherClass();
        }
        max = max.blend(x, x.compare(VectorOperators.GT, max));
        max1 = max1.blend(x1, x1.compare(VectorOperators.GT, max1));
      }
      if (max.getClass() != VECTOR || max1.getClass() != VECTOR) {
        throw otherClass();
      }
      if (even < keys) {
        FloatVector x = FloatVector.fromArray(SPECIES, scores, start + even * PANEL);
        if (x.getClass() != VECTOR) {
          throw otherClass();
        }
        max = max.blend(x, x.compare(VectorOperators.GT, max));
      }
      max = max.blend(max1, max1.compare(VectorOperators.GT, max));
      max.intoArray(maxima, q + lane);
      FloatVector sum = FloatVector.zero(SPECIES);
      for (int key = 0; key < keys; key++) {
        int i = start + key * PANEL;
        FloatVector x = FloatVector.fromArray(SPECIES, scores, i);
        if (x.getClass() != VECTOR) {
          throw otherClass();
        }
        FloatVector argument = x.sub(max);
        FloatVector shifted = argument.fma(V_LOG2_E, V_ROUNDER);
        FloatVector exponent = shifted.sub(V_ROUNDER);
        FloatVector r = exponent.fma(V_MINUS_LN2_HIGH, argument);
        r = exponent.fma(V_MINUS_LN2_LOW, r);
        FloatVector p = V_E4.fma(r, V_E3);
        p = p.fma(r, V_E2);
        p = p.fma(r, V_E1);
        p = p.fma(r, V_E0);
        p = p.mul(r).fma(r, r).add(ONE);
        IntVector bits = shifted.reinterpretAsInts();
        if (bits.getClass() != BITS) {
          throw otherClass();
        }
        IntVector power = bits.lanewise(VectorOperators.LSHL, 23);
        p =
            p.mul(power.add(ONE_BITS).reinterpretAsFloats())
                .blend(ZERO, argument.compare(VectorOperators.LT, V_EXP_OR_ZERO_MIN));
        p.intoArray(scores, i);
        sum = p.add(sum);
      }
      if (sum.getClass() != VECTOR) {
        throw otherClass();
      }
      sum.intoArray(sums, q + lane);
    }
  }

  @Override
  public void softmaxGradients(
      float[] scores, float[] gradients, int at, int keys, float[] logSums, int q, float scale) {
    for (int lane = 0; lane < GROUP; lane += LENGTH) {
      int start = at + lane;
      FloatVector logSum = FloatVector.fromArray(SPECIES, logSums, q + lane);
      FloatVector dot = FloatVector.zero(SPECIES);
      for (int key = 0; key < keys; key++) {
        int i = start + key * PANEL;
        FloatVector x = FloatVector.fromArray(SPECIES, scores, i);
        if (x.getClass() != VECTOR) {
          throw otherClass();
        }
        FloatVector argument = x.sub(logSum);
        FloatVector shifted = argument.fma(V_LOG2_E, V_ROUNDER);
        FloatVector exponent = shifted.sub(V_ROUNDER);
        FloatVector r = exponent.fma(V_MINUS_LN2_HIGH, argument);
        r = exponent.fma(V_MINUS_LN2_LOW, r);
        FloatVector p = V_E4.fma(r, V_E3);
        p = p.fma(r, V_E2);
        p = p.fma(r, V_E1);
        p = p.fma(r, V_E0);
        p = p.mul(r).fma(r, r).add(ONE);
        IntVector bits = shifted.reinterpretAsInts();
        if (bits.getClass() != BITS) {
          throw otherClass();
        }
        IntVector power = bits.lanewise(VectorOperators.LSHL, 23);
        p =
            p.mul(power.add(ONE_BITS).reinterpretAsFloats())
                .blend(ZERO, argument.compare(VectorOperators.LT, V_EXP_OR_ZERO_MIN));
        p.intoArray(scores, i);
        dot = p.fma(FloatVector.fromArray(SPECIES, gradients, i), dot);
      }
      for (int key = 0; key < keys; key++) {
        int i = start + key * PANEL;
        FloatVector p = FloatVector.fromArray(SPECIES, scores, i);
        FloatVector difference = FloatVector.fromArray(SPECIES, gradients, i).sub(dot);
        p.mul(scale).mul(difference).intoArray(gradients, i);
      }
    }
  }

  @Override
  public void scaleRows(
      float[] from,
      int fromOffset,
      int fromStride,
      float[] factors,
      int rows,
      int width,
      float[] to,
      int toOffset,
      int toStride) {
    int whole = width - width % LENGTH;
    for (int r = 0; r < rows; r++) {
      FloatVector factor = FloatVector.broadcast(SPECIES, factors[r]);
      int fromRow = fromOffset + r * fromStride;
      int toRow = toOffset + r * toStride;
      for (int i = 0; i < whole; i += LENGTH) {
        factor.mul(FloatVector.fromArray(SPECIES, from, fromRow + i)).intoArray(to, toRow + i);
      }
      for (int i = whole; i < width; i++) {
        to[toRow + i] = factors[r] * from[fromRow + i];
      }
    }
  }

  @Override
  public void weightedSum(
      float[] weights,
      int weightsOffset,
      float[] rows,
      int offset,
      int stride,
      int count,
      int width,
      float[] sums,
      int sumsOffset) {
    int four = width - width % (4 * LENGTH);
    int whole = width - width % LENGTH;
    for (int j = 0; j < four; j += 4 * LENGTH) {
      weightedSumOfFour(
          weights, weightsOffset, rows, offset + j, stride, count, sums, sumsOffset + j);
    }
    for (int j = four; j < whole; j += LENGTH) {
      weightedSumOfOne(
          weights, weightsOffset, rows, offset + j, stride, count, sums, sumsOffset + j);
    }
    for (int j = whole; j < width; j++) {
      float sum = 0f;
      for (int r = 0; r < count; r++) {
        sum = Math.fma(weights[weightsOffset + r], rows[offset + r * stride + j], sum);
      }
      sums[sumsOffset + j] = sum;
    }
  }

  /** Four vectors, whose chains hide each other's latency. */
  private static void weightedSumOfFour(
      float[] weights,
      int weightsOffset,
      float[] rows,
      int offset,
      int stride,
      int count,
      float[] sums,
      int sumsOffset) {
    FloatVector s0 = FloatVector.zero(SPECIES);
    FloatVector s1 = FloatVector.zero(SPECIES);
    FloatVector s2 = FloatVector.zero(SPECIES);
    FloatVector s3 = FloatVector.zero(SPECIES);
    for (int r = 0; r < count; r++) {
      int row = offset + r * stride;
      FloatVector weight = FloatVector.broadcast(SPECIES, weights[weightsOffset + r]);
      s0 = weight.fma(FloatVector.fromArray(SPECIES, rows, row), s0);
      s1 = weight.fma(FloatVector.fromArray(SPECIES, rows, row + LENGTH), s1);
      s2 = weight.fma(FloatVector.fromArray(SPECIES, rows, row + 2 * LENGTH), s2);
      s3 = weight.fma(FloatVector.fromArray(SPECIES, rows, row + 3 * LENGTH), s3);
    }
    if (s0.getClass() != VECTOR
        || s1.getClass() != VECTOR
        || s2.getClass() != VECTOR
        || s3.getClass() != VECTOR) {
      throw otherClass();
    }
    s0.intoArray(sums, sumsOffset);
    s1.intoArray(sums, sumsOffset + LENGTH);
    s2.intoArray(sums, sumsOffset + 2 * LENGTH);
    s3.intoArray(sums, sumsOffset + 3 * LENGTH);
  }

  private static void weightedSumOfOne(
      float[] weights,
      int weightsOffset,
      float[] rows,
      int offset,
      int stride,
      int count,
      float[] sums,
      int sumsOffset) {
    FloatVector sum = FloatVector.zero(SPECIES);
    for (int r = 0; r < count; r++) {
      FloatVector weight = FloatVector.broadcast(SPECIES, weights[weightsOffset + r]);
      sum = weight.fma(FloatVector.fromArray(SPECIES, rows, offset + r * stride), sum);
    }
    if (sum.getClass() != VECTOR) {
      throw otherClass();
    }
    sum.intoArray(sums, sumsOffset);
  }

  @Override
  public void roundToBf16(float[] x, int offset, int size) {
    int whole = size - size % LENGTH;
    for (int i = offset; i < offset + whole; i += LENGTH) {
      FloatVector values = FloatVector.fromArray(SPECIES, x, i);
      if (values.getClass() != VECTOR) {
        throw otherClass();
      }
      IntVector bits = values.reinterpretAsInts();
      if (bits.getClass() != BITS) {
        throw otherClass();
      }
      IntVector upper = bits.lanewise(VectorOperators.LSHR, 16);
      FloatVector rounded =
          bits.add(upper.and(1))
              .add(0x7fff)
              .and(0xffff0000)
              .blend(
                  bits.or(0x400000).and(0xffff0000),
                  bits.and(0x7fffffff).compare(VectorOperators.GT, 0x7f800000))
              .reinterpretAsFloats();
      if (rounded.getClass() != VECTOR) {
        throw otherClass();
      }
      rounded.intoArray(x, i);
    }
    for (int i = offset + whole; i < offset + size; i++) {
      x[i] = Bf16.toFloat(Bf16.of(x[i]));
    }
  }
}
