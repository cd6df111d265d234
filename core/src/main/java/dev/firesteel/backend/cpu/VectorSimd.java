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
import jdk.incubator.vector.ShortVector;
import jdk.incubator.vector.VectorOperators;
import jdk.incubator.vector.VectorShape;
import jdk.incubator.vector.VectorSpecies;

/**
 * The primitives on the Vector API, in vectors as long as the hardware's. Loaded only where the
 * incubator module is present (see {@link Simd.Choice#best}).
 *
 * <p>Rules that keep it fast and exact on JDK 17 to 25. One species of float vectors in the whole
 * program: with a second one the JIT no longer knows the type behind {@code FloatVector} and
 * allocates an object for each vector, in the methods that use the first one too. No method takes
 * or returns a vector: where such a method is not inlined, JDK 17 allocates an object for each
 * vector. No {@code reduceLanes} on floats: its order is undefined, and compiled and interpreted
 * code may differ. Loads and stores by {@code fromArray} and {@code intoArray} alone: the other
 * forms changed between versions. The tile kernels stay longer than the JIT's limit for inlining
 * (325 bytecodes): inlined into a caller, their accumulators no longer fit the registers.
 */
final class VectorSimd implements Simd {

  /** As many shorts as a vector has floats. */
  private static final VectorSpecies<Short> SHORTS =
      VectorSpecies.of(short.class, VectorShape.forBitSize(LENGTH * Short.SIZE));

  /** As {@link VectorConstants#VECTOR}, of the shorts. */
  private static final Class<?> SHORT_VECTOR = SHORTS.zero().getClass();

  /** Of 1, whose exponent is 0. */
  private static final int ONE_BITS = Float.floatToRawIntBits(1f);

  /** What the chains of a tile start from. */
  private static final float[] ZEROS = new float[TILE_COLUMNS];

  private final ElementwiseKernels elementwise;
  private final ActivationKernels activations;
  private final NormKernels norms;
  private final AttentionSimd attention;
  private final float[] lanes = new float[LANES];

  VectorSimd(
      ElementwiseKernels elementwise,
      ActivationKernels activations,
      NormKernels norms,
      AttentionSimd attention) {
    if (LENGTH > LANES) {
      throw new IllegalStateException(
          "VectorSimd: vectors must hold at most 16 floats, got " + LENGTH);
    }
    this.elementwise = elementwise;
    this.activations = activations;
    this.norms = norms;
    this.attention = attention;
  }

  /** Floats in the widest vector that the JVM uses on this CPU. */
  static int hardwareLanes() {
    return LENGTH;
  }

  @Override
  public String description() {
    return SPECIES.vectorBitSize() + "-bit vectors";
  }

  @Override
  public ElementwiseKernels elementwise() {
    return elementwise;
  }

  @Override
  public ActivationKernels activations() {
    return activations;
  }

  @Override
  public NormKernels norms() {
    return norms;
  }

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
    if (LENGTH == LANES) {
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
   * The last step of an odd depth. Not a second loop in {@link #multiplyEightRows}: on JDK 17 its
   * accumulators then became objects between the loops.
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
    // Two steps in one turn: what the loop itself costs counts where another tenant's thread takes
    // half of the core's issue slots.
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
    // Rows that there are not are the last one again: computed and written twice, to the same bits.
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
   * Four rows, each read where it lies, by two vectors. Not one method with {@link
   * #multiplyFourRows}: the JIT leaves out checks of bounds only for steps that it knows.
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
    // A vector may be longer than a panel is wide: what it copies too much, the next row
    // overwrites. The last row is left to the end, lest it leaves the arrays.
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

  @Override
  public float sum(float[] x, int offset, int size) {
    int whole = size - size % LANES;
    for (int lane = 0; lane < LANES; lane += LENGTH) {
      FloatVector sum = FloatVector.zero(SPECIES);
      for (int i = lane; i < whole; i += LANES) {
        sum = FloatVector.fromArray(SPECIES, x, offset + i).add(sum);
      }
      if (sum.getClass() != VECTOR) {
        throw otherClass();
      }
      sum.intoArray(lanes, lane);
    }
    for (int i = whole; i < size; i++) {
      lanes[i - whole] += x[offset + i];
    }
    return Simd.addInHalves(lanes);
  }

  @Override
  public float dot(float[] a, int aOffset, float[] b, int bOffset, int size) {
    int whole = size - size % LANES;
    for (int lane = 0; lane < LANES; lane += LENGTH) {
      FloatVector sum = FloatVector.zero(SPECIES);
      for (int i = lane; i < whole; i += LANES) {
        sum =
            FloatVector.fromArray(SPECIES, a, aOffset + i)
                .fma(FloatVector.fromArray(SPECIES, b, bOffset + i), sum);
      }
      if (sum.getClass() != VECTOR) {
        throw otherClass();
      }
      sum.intoArray(lanes, lane);
    }
    for (int i = whole; i < size; i++) {
      lanes[i - whole] = Math.fma(a[aOffset + i], b[bOffset + i], lanes[i - whole]);
    }
    return Simd.addInHalves(lanes);
  }

  @Override
  public float sumOfSquaredDifferences(float[] x, int offset, int size, float center) {
    int whole = size - size % LANES;
    for (int lane = 0; lane < LANES; lane += LENGTH) {
      FloatVector sum = FloatVector.zero(SPECIES);
      for (int i = lane; i < whole; i += LANES) {
        FloatVector difference = FloatVector.fromArray(SPECIES, x, offset + i).sub(center);
        sum = difference.fma(difference, sum);
      }
      if (sum.getClass() != VECTOR) {
        throw otherClass();
      }
      sum.intoArray(lanes, lane);
    }
    for (int i = whole; i < size; i++) {
      float difference = x[offset + i] - center;
      lanes[i - whole] = Math.fma(difference, difference, lanes[i - whole]);
    }
    return Simd.addInHalves(lanes);
  }

  @Override
  public float max(float[] x, int offset, int size) {
    // Four maxima in turns: one alone would wait for itself.
    FloatVector max0 = FloatVector.broadcast(SPECIES, Float.NEGATIVE_INFINITY);
    FloatVector max1 = max0;
    FloatVector max2 = max0;
    FloatVector max3 = max0;
    int whole = size - size % (4 * LENGTH);
    for (int i = offset; i < offset + whole; i += 4 * LENGTH) {
      max0 = FloatVector.fromArray(SPECIES, x, i).max(max0);
      max1 = FloatVector.fromArray(SPECIES, x, i + LENGTH).max(max1);
      max2 = FloatVector.fromArray(SPECIES, x, i + 2 * LENGTH).max(max2);
      max3 = FloatVector.fromArray(SPECIES, x, i + 3 * LENGTH).max(max3);
    }
    if (max0.getClass() != VECTOR
        || max1.getClass() != VECTOR
        || max2.getClass() != VECTOR
        || max3.getClass() != VECTOR) {
      throw otherClass();
    }
    max0.max(max1).max(max2.max(max3)).intoArray(lanes, 0);
    float max = Float.NEGATIVE_INFINITY;
    for (int i = 0; i < LENGTH; i++) {
      max = Math.max(max, lanes[i]);
    }
    for (int i = whole; i < size; i++) {
      max = Math.max(max, x[offset + i]);
    }
    return max;
  }

  @Override
  public float exp(float[] x, int xOffset, float shift, float[] out, int outOffset, int size) {
    int whole = size - size % LANES;
    for (int lane = 0; lane < LANES; lane += LENGTH) {
      FloatVector sum = FloatVector.zero(SPECIES);
      for (int i = lane; i < whole; i += LANES) {
        FloatVector value = FloatVector.fromArray(SPECIES, x, xOffset + i);
        if (value.getClass() != VECTOR) {
          throw otherClass();
        }
        FloatVector argument = value.sub(shift);
        FloatVector shifted = argument.fma(V_LOG2_E, V_ROUNDER);
        FloatVector exponent = shifted.sub(V_ROUNDER);
        FloatVector r = V_MINUS_LN2_HIGH.fma(exponent, argument);
        r = V_MINUS_LN2_LOW.fma(exponent, r);
        FloatVector q = r.fma(V_E4, V_E3);
        q = q.fma(r, V_E2);
        q = q.fma(r, V_E1);
        q = q.fma(r, V_E0);
        FloatVector fraction = q.mul(r).fma(r, r).add(ONE);
        IntVector bits = shifted.reinterpretAsInts();
        if (bits.getClass() != BITS) {
          throw otherClass();
        }
        IntVector power = bits.lanewise(VectorOperators.LSHL, 23);
        FloatVector exp =
            fraction
                .mul(power.add(ONE_BITS).reinterpretAsFloats())
                .blend(ZERO, argument.compare(VectorOperators.LT, V_EXP_OR_ZERO_MIN));
        exp.intoArray(out, outOffset + i);
        sum = exp.add(sum);
      }
      if (sum.getClass() != VECTOR) {
        throw otherClass();
      }
      sum.intoArray(lanes, lane);
    }
    for (int i = whole; i < size; i++) {
      float exp = Transcendentals.expOrZero(x[xOffset + i] - shift);
      out[outOffset + i] = exp;
      lanes[i - whole] += exp;
    }
    return Simd.addInHalves(lanes);
  }

  /**
   * Two vectors at a time keep the method longer than the JIT's limit for inlining (325 bytecodes):
   * inlined into a large caller, the last conversion would be an object.
   */
  @Override
  public void toBf16(
      float[] x,
      int xOffset,
      int stride,
      int rows,
      int width,
      float factor,
      short[] out,
      int outOffset,
      int outStride) {
    FloatVector factors = FloatVector.broadcast(SPECIES, factor);
    int pairs = width - width % (2 * LENGTH);
    for (int r = 0; r < rows; r++) {
      int from = xOffset + r * stride;
      int to = outOffset + r * outStride;
      for (int i = 0; i < pairs; i += 2 * LENGTH) {
        FloatVector values = FloatVector.fromArray(SPECIES, x, from + i);
        FloatVector values2 = FloatVector.fromArray(SPECIES, x, from + i + LENGTH);
        if (values.getClass() != VECTOR || values2.getClass() != VECTOR) {
          throw otherClass();
        }
        IntVector bits = values.mul(factors).reinterpretAsInts();
        if (bits.getClass() != BITS) {
          throw otherClass();
        }
        IntVector upper = bits.lanewise(VectorOperators.LSHR, 16);
        IntVector rounded = bits.add(upper.and(1)).add(0x7fff).lanewise(VectorOperators.LSHR, 16);
        ShortVector shorts =
            (ShortVector)
                rounded
                    .blend(
                        upper.or(0x40),
                        bits.and(0x7fffffff).compare(VectorOperators.GT, 0x7f800000))
                    .convertShape(VectorOperators.I2S, SHORTS, 0);
        if (shorts.getClass() != SHORT_VECTOR) {
          throw otherClass();
        }
        shorts.intoArray(out, to + i);
        IntVector bits2 = values2.mul(factors).reinterpretAsInts();
        if (bits2.getClass() != BITS) {
          throw otherClass();
        }
        IntVector upper2 = bits2.lanewise(VectorOperators.LSHR, 16);
        IntVector rounded2 =
            bits2.add(upper2.and(1)).add(0x7fff).lanewise(VectorOperators.LSHR, 16);
        ShortVector shorts2 =
            (ShortVector)
                rounded2
                    .blend(
                        upper2.or(0x40),
                        bits2.and(0x7fffffff).compare(VectorOperators.GT, 0x7f800000))
                    .convertShape(VectorOperators.I2S, SHORTS, 0);
        if (shorts2.getClass() != SHORT_VECTOR) {
          throw otherClass();
        }
        shorts2.intoArray(out, to + i + LENGTH);
      }
      for (int i = pairs; i < outStride; i++) {
        out[to + i] = i < width ? Bf16.of(factor * x[from + i]) : (short) 0;
      }
    }
  }

  @Override
  public AttentionSimd attention() {
    return attention;
  }
}
