package dev.firesteel.loss;

/** Functions of one number that losses share, stable for any finite argument. */
final class Scalars {
  private Scalars() {}

  /** {@code -log sigmoid(x) = log(1 + e^-x)}, without overflow. */
  static double negativeLogSigmoid(double x) {
    return StrictMath.max(-x, 0) + StrictMath.log1p(StrictMath.exp(-StrictMath.abs(x)));
  }

  /** {@code 1 / (1 + e^-x)}, without overflow. */
  static double sigmoid(double x) {
    double e = StrictMath.exp(-StrictMath.abs(x));
    return x >= 0 ? 1 / (1 + e) : e / (1 + e);
  }

  /** {@code x} limited to {@code [low, high]}. */
  static double clip(double x, double low, double high) {
    return StrictMath.min(StrictMath.max(x, low), high);
  }
}
