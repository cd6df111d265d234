package dev.firesteel.generate;

/**
 * The exponential of numbers that are not positive, with a relative error below 1e-11: {@code e^x =
 * 2^n e^r} with {@code n = round(x / ln 2)} and {@code |r| <= ln 2 / 2}, whose Taylor polynomial of
 * degree 9 leaves {@code r^10 / 10! < 7e-12}. Without branches but one, a few times as fast as
 * StrictMath.
 */
final class FastExp {
  private static final double LOG2_E = 1.4426950408889634;

  /** The upper bits of ln 2, whose product with an n of 11 bits is exact (fdlibm, e_exp.c). */
  private static final double LN2_HIGH = 0x1.62e42feep-1;

  private static final double LN2_LOW = 0x1.a39ef35793c76p-33;

  /** Adding it rounds to an integer, which is then in the lowest bits. */
  private static final double ROUND = 0x1.8p52;

  /** Smaller results are rounded to 0: beside the weight 1 of the argmax they do not count. */
  private static final double LEAST = -700;

  private FastExp() {}

  /** {@code e^x}, and 0 for x below -700. */
  static double of(double x) {
    if (x < LEAST) {
      return 0;
    }
    double rounded = x * LOG2_E + ROUND;
    double n = rounded - ROUND;
    double r = x - n * LN2_HIGH - n * LN2_LOW;
    double r2 = r * r;
    double r4 = r2 * r2;
    double low = (1 + r) + r2 * (1.0 / 2 + r * (1.0 / 6));
    double middle = (1.0 / 24 + r * (1.0 / 120)) + r2 * (1.0 / 720 + r * (1.0 / 5040));
    double high = 1.0 / 40320 + r * (1.0 / 362880);
    double scale = Double.longBitsToDouble((Double.doubleToRawLongBits(rounded) + 1023) << 52);
    return (low + r4 * (middle + r4 * high)) * scale;
  }
}
