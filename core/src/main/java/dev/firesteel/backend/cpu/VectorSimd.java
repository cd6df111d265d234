package dev.firesteel.backend.cpu;

import static dev.firesteel.backend.cpu.Transcendentals.E0;
import static dev.firesteel.backend.cpu.Transcendentals.E1;
import static dev.firesteel.backend.cpu.Transcendentals.E2;
import static dev.firesteel.backend.cpu.Transcendentals.E3;
import static dev.firesteel.backend.cpu.Transcendentals.E4;
import static dev.firesteel.backend.cpu.Transcendentals.EXP_MAX;
import static dev.firesteel.backend.cpu.Transcendentals.EXP_MIN;
import static dev.firesteel.backend.cpu.Transcendentals.LOG2_E;
import static dev.firesteel.backend.cpu.Transcendentals.MINUS_LN2_HIGH;
import static dev.firesteel.backend.cpu.Transcendentals.MINUS_LN2_LOW;
import static dev.firesteel.backend.cpu.Transcendentals.ROUNDER;
import static dev.firesteel.backend.cpu.Transcendentals.ROUNDER_BITS;

import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.IntVector;
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
  private static final VectorSpecies<Float> SPECIES = FloatVector.SPECIES_PREFERRED;
  private static final int LENGTH = SPECIES.length();

  /** As many shorts as a vector has floats. */
  private static final VectorSpecies<Short> SHORTS =
      VectorSpecies.of(short.class, VectorShape.forBitSize(LENGTH * Short.SIZE));

  /** What the chains of a tile start from. */
  private static final float[] ZEROS = new float[TILE_COLUMNS];

  private final ActivationKernels activations = new VectorActivations();
  private final NormKernels norms = new VectorNorms();
  private final float[] lanes = new float[LANES];
  private final AttentionSimd attention = new VectorAttention();

  VectorSimd() {
    if (LENGTH > LANES) {
      throw new IllegalStateException(
          "VectorSimd: vectors must hold at most 16 floats, got " + LENGTH);
    }
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
      multiplyTwelveRows(
          a, aOffset, b, bOffset, depth, from, fromOffset, fromStride, c, cOffset, cStride);
      return;
    }
    // Sixteen registers hold the accumulators of six rows by two vectors, not of twelve.
    for (int row = 0; row < TILE_ROWS; row += 6) {
      for (int column = 0; column < TILE_COLUMNS; column += 2 * LENGTH) {
        multiplySixRows(
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

  /** Twelve rows by two vectors: 24 accumulators of the 32 registers of AVX-512. */
  private static void multiplyTwelveRows(
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
    FloatVector c0x0 = FloatVector.fromArray(SPECIES, from, fromOffset);
    FloatVector c0x1 = FloatVector.fromArray(SPECIES, from, fromOffset + LENGTH);
    FloatVector c1x0 = FloatVector.fromArray(SPECIES, from, fromOffset + fromStride);
    FloatVector c1x1 = FloatVector.fromArray(SPECIES, from, fromOffset + fromStride + LENGTH);
    FloatVector c2x0 = FloatVector.fromArray(SPECIES, from, fromOffset + 2 * fromStride);
    FloatVector c2x1 = FloatVector.fromArray(SPECIES, from, fromOffset + 2 * fromStride + LENGTH);
    FloatVector c3x0 = FloatVector.fromArray(SPECIES, from, fromOffset + 3 * fromStride);
    FloatVector c3x1 = FloatVector.fromArray(SPECIES, from, fromOffset + 3 * fromStride + LENGTH);
    FloatVector c4x0 = FloatVector.fromArray(SPECIES, from, fromOffset + 4 * fromStride);
    FloatVector c4x1 = FloatVector.fromArray(SPECIES, from, fromOffset + 4 * fromStride + LENGTH);
    FloatVector c5x0 = FloatVector.fromArray(SPECIES, from, fromOffset + 5 * fromStride);
    FloatVector c5x1 = FloatVector.fromArray(SPECIES, from, fromOffset + 5 * fromStride + LENGTH);
    FloatVector c6x0 = FloatVector.fromArray(SPECIES, from, fromOffset + 6 * fromStride);
    FloatVector c6x1 = FloatVector.fromArray(SPECIES, from, fromOffset + 6 * fromStride + LENGTH);
    FloatVector c7x0 = FloatVector.fromArray(SPECIES, from, fromOffset + 7 * fromStride);
    FloatVector c7x1 = FloatVector.fromArray(SPECIES, from, fromOffset + 7 * fromStride + LENGTH);
    FloatVector c8x0 = FloatVector.fromArray(SPECIES, from, fromOffset + 8 * fromStride);
    FloatVector c8x1 = FloatVector.fromArray(SPECIES, from, fromOffset + 8 * fromStride + LENGTH);
    FloatVector c9x0 = FloatVector.fromArray(SPECIES, from, fromOffset + 9 * fromStride);
    FloatVector c9x1 = FloatVector.fromArray(SPECIES, from, fromOffset + 9 * fromStride + LENGTH);
    FloatVector c10x0 = FloatVector.fromArray(SPECIES, from, fromOffset + 10 * fromStride);
    FloatVector c10x1 = FloatVector.fromArray(SPECIES, from, fromOffset + 10 * fromStride + LENGTH);
    FloatVector c11x0 = FloatVector.fromArray(SPECIES, from, fromOffset + 11 * fromStride);
    FloatVector c11x1 = FloatVector.fromArray(SPECIES, from, fromOffset + 11 * fromStride + LENGTH);
    for (int k = 0; k < depth; k++) {
      int right = bOffset + k * TILE_COLUMNS;
      int left = aOffset + k * TILE_ROWS;
      FloatVector b0 = FloatVector.fromArray(SPECIES, b, right);
      FloatVector b1 = FloatVector.fromArray(SPECIES, b, right + LENGTH);
      FloatVector a0 = FloatVector.broadcast(SPECIES, a[left]);
      c0x0 = a0.fma(b0, c0x0);
      c0x1 = a0.fma(b1, c0x1);
      FloatVector a1 = FloatVector.broadcast(SPECIES, a[left + 1]);
      c1x0 = a1.fma(b0, c1x0);
      c1x1 = a1.fma(b1, c1x1);
      FloatVector a2 = FloatVector.broadcast(SPECIES, a[left + 2]);
      c2x0 = a2.fma(b0, c2x0);
      c2x1 = a2.fma(b1, c2x1);
      FloatVector a3 = FloatVector.broadcast(SPECIES, a[left + 3]);
      c3x0 = a3.fma(b0, c3x0);
      c3x1 = a3.fma(b1, c3x1);
      FloatVector a4 = FloatVector.broadcast(SPECIES, a[left + 4]);
      c4x0 = a4.fma(b0, c4x0);
      c4x1 = a4.fma(b1, c4x1);
      FloatVector a5 = FloatVector.broadcast(SPECIES, a[left + 5]);
      c5x0 = a5.fma(b0, c5x0);
      c5x1 = a5.fma(b1, c5x1);
      FloatVector a6 = FloatVector.broadcast(SPECIES, a[left + 6]);
      c6x0 = a6.fma(b0, c6x0);
      c6x1 = a6.fma(b1, c6x1);
      FloatVector a7 = FloatVector.broadcast(SPECIES, a[left + 7]);
      c7x0 = a7.fma(b0, c7x0);
      c7x1 = a7.fma(b1, c7x1);
      FloatVector a8 = FloatVector.broadcast(SPECIES, a[left + 8]);
      c8x0 = a8.fma(b0, c8x0);
      c8x1 = a8.fma(b1, c8x1);
      FloatVector a9 = FloatVector.broadcast(SPECIES, a[left + 9]);
      c9x0 = a9.fma(b0, c9x0);
      c9x1 = a9.fma(b1, c9x1);
      FloatVector a10 = FloatVector.broadcast(SPECIES, a[left + 10]);
      c10x0 = a10.fma(b0, c10x0);
      c10x1 = a10.fma(b1, c10x1);
      FloatVector a11 = FloatVector.broadcast(SPECIES, a[left + 11]);
      c11x0 = a11.fma(b0, c11x0);
      c11x1 = a11.fma(b1, c11x1);
    }
    c0x0.intoArray(c, cOffset);
    c0x1.intoArray(c, cOffset + LENGTH);
    c1x0.intoArray(c, cOffset + cStride);
    c1x1.intoArray(c, cOffset + cStride + LENGTH);
    c2x0.intoArray(c, cOffset + 2 * cStride);
    c2x1.intoArray(c, cOffset + 2 * cStride + LENGTH);
    c3x0.intoArray(c, cOffset + 3 * cStride);
    c3x1.intoArray(c, cOffset + 3 * cStride + LENGTH);
    c4x0.intoArray(c, cOffset + 4 * cStride);
    c4x1.intoArray(c, cOffset + 4 * cStride + LENGTH);
    c5x0.intoArray(c, cOffset + 5 * cStride);
    c5x1.intoArray(c, cOffset + 5 * cStride + LENGTH);
    c6x0.intoArray(c, cOffset + 6 * cStride);
    c6x1.intoArray(c, cOffset + 6 * cStride + LENGTH);
    c7x0.intoArray(c, cOffset + 7 * cStride);
    c7x1.intoArray(c, cOffset + 7 * cStride + LENGTH);
    c8x0.intoArray(c, cOffset + 8 * cStride);
    c8x1.intoArray(c, cOffset + 8 * cStride + LENGTH);
    c9x0.intoArray(c, cOffset + 9 * cStride);
    c9x1.intoArray(c, cOffset + 9 * cStride + LENGTH);
    c10x0.intoArray(c, cOffset + 10 * cStride);
    c10x1.intoArray(c, cOffset + 10 * cStride + LENGTH);
    c11x0.intoArray(c, cOffset + 11 * cStride);
    c11x1.intoArray(c, cOffset + 11 * cStride + LENGTH);
  }

  /** Six rows by two vectors, a part of a tile: 12 accumulators of 16 registers. */
  private static void multiplySixRows(
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
    FloatVector c0x0 = FloatVector.fromArray(SPECIES, from, fromOffset);
    FloatVector c0x1 = FloatVector.fromArray(SPECIES, from, fromOffset + LENGTH);
    FloatVector c1x0 = FloatVector.fromArray(SPECIES, from, fromOffset + fromStride);
    FloatVector c1x1 = FloatVector.fromArray(SPECIES, from, fromOffset + fromStride + LENGTH);
    FloatVector c2x0 = FloatVector.fromArray(SPECIES, from, fromOffset + 2 * fromStride);
    FloatVector c2x1 = FloatVector.fromArray(SPECIES, from, fromOffset + 2 * fromStride + LENGTH);
    FloatVector c3x0 = FloatVector.fromArray(SPECIES, from, fromOffset + 3 * fromStride);
    FloatVector c3x1 = FloatVector.fromArray(SPECIES, from, fromOffset + 3 * fromStride + LENGTH);
    FloatVector c4x0 = FloatVector.fromArray(SPECIES, from, fromOffset + 4 * fromStride);
    FloatVector c4x1 = FloatVector.fromArray(SPECIES, from, fromOffset + 4 * fromStride + LENGTH);
    FloatVector c5x0 = FloatVector.fromArray(SPECIES, from, fromOffset + 5 * fromStride);
    FloatVector c5x1 = FloatVector.fromArray(SPECIES, from, fromOffset + 5 * fromStride + LENGTH);
    for (int k = 0; k < depth; k++) {
      int right = bOffset + k * TILE_COLUMNS;
      int left = aOffset + k * TILE_ROWS;
      FloatVector b0 = FloatVector.fromArray(SPECIES, b, right);
      FloatVector b1 = FloatVector.fromArray(SPECIES, b, right + LENGTH);
      FloatVector a0 = FloatVector.broadcast(SPECIES, a[left]);
      c0x0 = a0.fma(b0, c0x0);
      c0x1 = a0.fma(b1, c0x1);
      FloatVector a1 = FloatVector.broadcast(SPECIES, a[left + 1]);
      c1x0 = a1.fma(b0, c1x0);
      c1x1 = a1.fma(b1, c1x1);
      FloatVector a2 = FloatVector.broadcast(SPECIES, a[left + 2]);
      c2x0 = a2.fma(b0, c2x0);
      c2x1 = a2.fma(b1, c2x1);
      FloatVector a3 = FloatVector.broadcast(SPECIES, a[left + 3]);
      c3x0 = a3.fma(b0, c3x0);
      c3x1 = a3.fma(b1, c3x1);
      FloatVector a4 = FloatVector.broadcast(SPECIES, a[left + 4]);
      c4x0 = a4.fma(b0, c4x0);
      c4x1 = a4.fma(b1, c4x1);
      FloatVector a5 = FloatVector.broadcast(SPECIES, a[left + 5]);
      c5x0 = a5.fma(b0, c5x0);
      c5x1 = a5.fma(b1, c5x1);
    }
    c0x0.intoArray(c, cOffset);
    c0x1.intoArray(c, cOffset + LENGTH);
    c1x0.intoArray(c, cOffset + cStride);
    c1x1.intoArray(c, cOffset + cStride + LENGTH);
    c2x0.intoArray(c, cOffset + 2 * cStride);
    c2x1.intoArray(c, cOffset + 2 * cStride + LENGTH);
    c3x0.intoArray(c, cOffset + 3 * cStride);
    c3x1.intoArray(c, cOffset + 3 * cStride + LENGTH);
    c4x0.intoArray(c, cOffset + 4 * cStride);
    c4x1.intoArray(c, cOffset + 4 * cStride + LENGTH);
    c5x0.intoArray(c, cOffset + 5 * cStride);
    c5x1.intoArray(c, cOffset + 5 * cStride + LENGTH);
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
    // The last vector of a panel's row is longer than what remains: what it copies too much, the
    // next row overwrites. The last row is left to the end, lest it leaves the arrays.
    for (int r = 0; r < rows - 1; r++) {
      for (int i = 0; i < columns; i += TILE_ROWS) {
        int to = panelOffset + i / TILE_ROWS * panelStride + r * TILE_ROWS;
        for (int j = 0; j < TILE_ROWS; j += LENGTH) {
          FloatVector.fromArray(SPECIES, x, offset + r * stride + i + j).intoArray(panels, to + j);
        }
      }
    }
    for (int i = 0; i < columns; i += TILE_ROWS) {
      int to = panelOffset + i / TILE_ROWS * panelStride + (rows - 1) * TILE_ROWS;
      System.arraycopy(x, offset + (rows - 1) * stride + i, panels, to, TILE_ROWS);
    }
  }

  @Override
  public void add(float[] out, int outOffset, float[] x, int xOffset, int size) {
    int whole = size - size % LENGTH;
    for (int i = 0; i < whole; i += LENGTH) {
      FloatVector.fromArray(SPECIES, out, outOffset + i)
          .add(FloatVector.fromArray(SPECIES, x, xOffset + i))
          .intoArray(out, outOffset + i);
    }
    for (int i = whole; i < size; i++) {
      out[outOffset + i] += x[xOffset + i];
    }
  }

  @Override
  public float sum(float[] x, int offset, int size) {
    int whole = size - size % LANES;
    for (int lane = 0; lane < LANES; lane += LENGTH) {
      FloatVector sum = FloatVector.zero(SPECIES);
      for (int i = lane; i < whole; i += LANES) {
        sum = sum.add(FloatVector.fromArray(SPECIES, x, offset + i));
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
    int whole = size - size % LENGTH;
    FloatVector maxima = FloatVector.broadcast(SPECIES, Float.NEGATIVE_INFINITY);
    for (int i = 0; i < whole; i += LENGTH) {
      maxima = maxima.max(FloatVector.fromArray(SPECIES, x, offset + i));
    }
    maxima.intoArray(lanes, 0);
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
  public void exp(float[] x, int xOffset, float shift, float[] out, int outOffset, int size) {
    FloatVector log2e = FloatVector.broadcast(SPECIES, LOG2_E);
    FloatVector rounder = FloatVector.broadcast(SPECIES, ROUNDER);
    FloatVector minusLn2High = FloatVector.broadcast(SPECIES, MINUS_LN2_HIGH);
    FloatVector minusLn2Low = FloatVector.broadcast(SPECIES, MINUS_LN2_LOW);
    FloatVector e0 = FloatVector.broadcast(SPECIES, E0);
    FloatVector e1 = FloatVector.broadcast(SPECIES, E1);
    FloatVector e2 = FloatVector.broadcast(SPECIES, E2);
    FloatVector e3 = FloatVector.broadcast(SPECIES, E3);
    FloatVector e4 = FloatVector.broadcast(SPECIES, E4);
    int whole = size - size % LENGTH;
    for (int i = 0; i < whole; i += LENGTH) {
      FloatVector argument = FloatVector.fromArray(SPECIES, x, xOffset + i).sub(shift);
      FloatVector clamped = argument.max(EXP_MIN).min(EXP_MAX);
      FloatVector shifted = clamped.fma(log2e, rounder);
      FloatVector exponent = shifted.sub(rounder);
      FloatVector r = exponent.fma(minusLn2High, clamped);
      r = exponent.fma(minusLn2Low, r);
      FloatVector q = e4.fma(r, e3);
      q = q.fma(r, e2);
      q = q.fma(r, e1);
      q = q.fma(r, e0);
      FloatVector fraction = q.mul(r).fma(r, r).add(1f);
      IntVector power = shifted.reinterpretAsInts().sub(ROUNDER_BITS);
      IntVector half = power.lanewise(VectorOperators.ASHR, 1);
      FloatVector lowScale = half.add(127).lanewise(VectorOperators.LSHL, 23).reinterpretAsFloats();
      FloatVector highScale =
          power.sub(half).add(127).lanewise(VectorOperators.LSHL, 23).reinterpretAsFloats();
      FloatVector exp = fraction.mul(lowScale).mul(highScale);
      exp.intoArray(out, outOffset + i);
    }
    for (int i = whole; i < size; i++) {
      out[outOffset + i] = Transcendentals.exp(x[xOffset + i] - shift);
    }
  }

  @Override
  public void toBf16(float[] x, int xOffset, short[] out, int outOffset, int size) {
    int whole = size - size % LENGTH;
    for (int i = 0; i < whole; i += LENGTH) {
      IntVector bits = FloatVector.fromArray(SPECIES, x, xOffset + i).reinterpretAsInts();
      IntVector upper = bits.lanewise(VectorOperators.LSHR, 16);
      IntVector rounded = bits.add(upper.and(1)).add(0x7fff).lanewise(VectorOperators.LSHR, 16);
      rounded
          .blend(upper.or(0x40), bits.and(0x7fffffff).compare(VectorOperators.GT, 0x7f800000))
          .convertShape(VectorOperators.I2S, SHORTS, 0)
          .reinterpretAsShorts()
          .intoArray(out, outOffset + i);
    }
    for (int i = whole; i < size; i++) {
      out[outOffset + i] = Bf16.of(x[xOffset + i]);
    }
  }

  @Override
  public AttentionSimd attention() {
    return attention;
  }
}
