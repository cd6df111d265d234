package dev.firesteel.random;

/**
 * The standard normal distribution's inverse, by the rational functions of PPND7 (Wichura 1988,
 * algorithm AS 241): relative error below 1.2e-7. Sums, products, quotients and square roots of
 * doubles and {@code StrictMath.log} give the same bits on any machine.
 */
final class NormalQuantile {
  /** Within this distance of the median, one rational function of the square is enough. */
  private static final double CENTRE = 0.425;

  private static final double CENTRE_SQUARE = 0.180625;
  private static final double A0 = 3.3871327179;
  private static final double A1 = 50.434271938;
  private static final double A2 = 159.29113202;
  private static final double A3 = 59.109374720;
  private static final double B1 = 17.895169469;
  private static final double B2 = 78.757757664;
  private static final double B3 = 67.187563600;

  /**
   * The tails, as a function of {@code sqrt(-log probability)}. Valid up to 5, which a probability
   * of 2^-33 does not reach.
   */
  private static final double TAIL = 1.6;

  private static final double C0 = 1.4234372777;
  private static final double C1 = 2.7568153900;
  private static final double C2 = 1.3067284816;
  private static final double C3 = 0.17023821103;
  private static final double D1 = 0.73700164250;
  private static final double D2 = 0.12021132975;

  private NormalQuantile() {}

  /** The quantile of probability {@code (word + 1/2) / 2^32}, the word unsigned. */
  static double of(int word) {
    // Computed from the word minus 2^31, so that no digit is lost.
    double q = ((word ^ Integer.MIN_VALUE) + 0.5) * 0x1p-32;
    double distance = Math.abs(q);
    if (distance <= CENTRE) {
      double r = CENTRE_SQUARE - q * q;
      return q * (((A3 * r + A2) * r + A1) * r + A0) / (((B3 * r + B2) * r + B1) * r + 1);
    }
    double r = Math.sqrt(-StrictMath.log(0.5 - distance)) - TAIL;
    double quantile = (((C3 * r + C2) * r + C1) * r + C0) / ((D2 * r + D1) * r + 1);
    return Math.copySign(quantile, q);
  }
}
