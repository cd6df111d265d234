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
 * The primitives on the Vector API, in vectors of the hardware's length. Loaded only if the
 * incubator module is present (see {@link Simd.Choice#best}).
 *
 * <p>Rules that keep it fast and exact on JDK 17 to 25. Only one species of float vectors in the
 * whole program: with a second one, the JIT no longer knows the type behind {@code FloatVector} and
 * boxes each vector, even in methods that use the first one. No method takes or returns a vector:
 * if such a method is not inlined, JDK 17 boxes each vector. No {@code reduceLanes} on floats: its
 * order is undefined, and compiled and interpreted code may differ. Only {@code fromArray} and
 * {@code intoArray} for loads and stores: the other forms changed between versions.
 */
final class VectorSimd implements Simd {

  /** As many shorts as a vector has floats. */
  private static final VectorSpecies<Short> SHORTS =
      VectorSpecies.of(short.class, VectorShape.forBitSize(LENGTH * Short.SIZE));

  /** As {@link VectorConstants#VECTOR}, of the shorts. */
  private static final Class<?> SHORT_VECTOR = SHORTS.zero().getClass();

  /** Of 1, whose exponent is 0. */
  private static final int ONE_BITS = Float.floatToRawIntBits(1f);

  private final ProductSimd products;
  private final ElementwiseSimd elementwise;
  private final ActivationSimd activations;
  private final NormSimd norms;
  private final AttentionSimd attention;
  private final float[] lanes = new float[LANES];

  VectorSimd(
      ProductSimd products,
      ElementwiseSimd elementwise,
      ActivationSimd activations,
      NormSimd norms,
      AttentionSimd attention) {
    if (LENGTH > LANES) {
      throw new IllegalStateException(
          "VectorSimd: vectors must hold at most 16 floats, got " + LENGTH);
    }
    this.products = products;
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
  public ProductSimd products() {
    return products;
  }

  @Override
  public ElementwiseSimd elementwise() {
    return elementwise;
  }

  @Override
  public ActivationSimd activations() {
    return activations;
  }

  @Override
  public NormSimd norms() {
    return norms;
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
    // Four alternating maxima: a single one would be a dependency chain.
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
   * inlined into a large caller, the last conversion would be boxed.
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
