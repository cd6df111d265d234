package dev.firesteel.backend.cpu;

/**
 * Exponential, sigmoid and normal distribution in float32 as fixed sequences of IEEE operations and
 * fused multiply-adds, so that they are bit-identical everywhere, which {@code Math.exp} does not
 * guarantee. The vector classes repeat the same sequences on lanes and must be changed together
 * with this class.
 *
 * <p>The polynomials were fitted by reweighted least squares (Lawson) to the smallest relative
 * error; the errors stated are those of the whole float32 evaluation.
 */
final class Transcendentals {
  /** Below it {@link #expOrZero} is 0. */
  static final float EXP_OR_ZERO_MIN = -87.0f;

  static final float LOG2_E = 1.442695f;

  /** Adding it rounds to an integer, which then stands in the low bits: 1.5 * 2^23. */
  static final float ROUNDER = 0x1.8p23f;

  /** Minus ln 2 in two parts; products of the first with an exponent are exact. */
  static final float MINUS_LN2_HIGH = -0x1.62e4p-1f;

  static final float MINUS_LN2_LOW = -0x1.7f7d1cp-20f;

  /** {@code e^r = 1 + r + r^2 (E0 + E1 r + ... + E4 r^4)} for |r| <= ln(2)/2. */
  static final float E0 = 0.49999994f;

  static final float E1 = 0.16666521f;
  static final float E2 = 0.04166839f;
  static final float E3 = 0.008368717f;
  static final float E4 = 0.0013814599f;

  /** {@link #boundedExp} takes arguments of at most this magnitude: 87. */
  static final int BOUND_BITS = Float.floatToRawIntBits(87.0f);

  /** The bits of a float's magnitude. */
  static final int MAGNITUDE = 0x7fffffff;

  /** The bit of a float's sign. */
  static final int SIGN = 0x80000000;

  /**
   * {@code Phi(-a) = e^(-a^2/2) (N0 + N1 w + ... + N9 w^9)}, {@code w = 1 / (1 + a/4)}, for a >= 0:
   * one form for centre and tail, without cancellation.
   */
  static final float N0 = -2.1599913e-05f;

  static final float N1 = 0.100228995f;
  static final float N2 = 0.09482028f;
  static final float N3 = 0.1215678f;
  static final float N4 = -0.020383645f;
  static final float N5 = 0.3044861f;
  static final float N6 = -0.3334683f;
  static final float N7 = 0.3950007f;
  static final float N8 = -0.19617699f;
  static final float N9 = 0.03394666f;

  /** {@code 1 / sqrt(2 pi)}. */
  static final float DENSITY_AT_ZERO = 0.3989423f;

  private Transcendentals() {}

  /** {@code e^x} for {@code |x| <= 87}, where 2^exponent is one factor. */
  static float boundedExp(float x) {
    float shifted = Math.fma(x, LOG2_E, ROUNDER);
    float exponent = shifted - ROUNDER;
    float r = Math.fma(exponent, MINUS_LN2_HIGH, x);
    r = Math.fma(exponent, MINUS_LN2_LOW, r);
    float q = Math.fma(r, E4, E3);
    q = Math.fma(q, r, E2);
    q = Math.fma(q, r, E1);
    q = Math.fma(q, r, E0);
    float fraction = Math.fma(q * r, r, r) + 1f;
    return Float.intBitsToFloat(
        Float.floatToRawIntBits(fraction) + (Float.floatToRawIntBits(shifted) << 23));
  }

  /**
   * {@code e^x} for x up to 88, relative error below 1.5e-7, and an exact 0 below {@link
   * #EXP_OR_ZERO_MIN}, where subnormal results would begin: softmax loses nothing by it.
   */
  static float expOrZero(float x) {
    float shifted = Math.fma(x, LOG2_E, ROUNDER);
    float exponent = shifted - ROUNDER;
    float r = Math.fma(exponent, MINUS_LN2_HIGH, x);
    r = Math.fma(exponent, MINUS_LN2_LOW, r);
    float q = Math.fma(r, E4, E3);
    q = Math.fma(q, r, E2);
    q = Math.fma(q, r, E1);
    q = Math.fma(q, r, E0);
    float fraction = Math.fma(q * r, r, r) + 1f;
    // A product, unlike a sum of exponents, leaves NaN what it is. ROUNDER's low bits are zeros.
    int power = Float.floatToRawIntBits(shifted) << 23;
    float result = fraction * Float.intBitsToFloat(power + Float.floatToRawIntBits(1f));
    return x < EXP_OR_ZERO_MIN ? 0f : result;
  }

  /**
   * {@code e^-z}, as if |z| were at most 87: sigmoid is {@code 1 / (1 + it)}. A NaN counts as 87.
   *
   * @param x what the sign is taken of: z's may be lost to a NaN, such as that of inf * 0
   */
  static float sigmoidOdds(float x, float z) {
    int bounded = Math.min(Float.floatToRawIntBits(z) & MAGNITUDE, BOUND_BITS);
    int sign = Float.floatToRawIntBits(-x) & SIGN;
    return boundedExp(Float.intBitsToFloat(bounded | sign));
  }

  /** {@code e^(-x^2/2)}, not below e^-87. A NaN counts as infinity. */
  static float gaussian(float x) {
    int half = Float.floatToRawIntBits(x * x * 0.5f) & MAGNITUDE;
    return boundedExp(Float.intBitsToFloat(Math.min(half, BOUND_BITS) | SIGN));
  }

  /** {@code Phi(x)} given {@code gaussian = e^(-x^2/2)}; relative error below 1e-6. */
  static float normalCdf(float x, float gaussian) {
    float w = 1f / Math.fma(Math.abs(x), 0.25f, 1f);
    float p = Math.fma(N9, w, N8);
    p = Math.fma(p, w, N7);
    p = Math.fma(p, w, N6);
    p = Math.fma(p, w, N5);
    p = Math.fma(p, w, N4);
    p = Math.fma(p, w, N3);
    p = Math.fma(p, w, N2);
    p = Math.fma(p, w, N1);
    p = Math.fma(p, w, N0);
    float tail = p * gaussian;
    return x > 0f ? 1f - tail : tail;
  }
}
