package dev.firesteel.loss;

/**
 * Estimates of the KL divergence of a policy from a reference from the policy's own samples, as
 * functions of {@code d = log pi(token) - log ref(token)} (Schulman 2020, "Approximating KL
 * divergence"). {@code d} is limited to {@code [-10, 10]}, as in OpenRLHF, where the slope is 0
 * beyond.
 */
public enum KlEstimator {
  /** {@code d}: unbiased, of high variance, may be negative. */
  K1 {
    @Override
    double at(double d) {
      return d;
    }

    @Override
    double slopeAt(double d) {
      return 1;
    }
  },
  /** {@code d^2 / 2}: biased, of low variance. */
  K2 {
    @Override
    double at(double d) {
      return d * d / 2;
    }

    @Override
    double slopeAt(double d) {
      return d;
    }
  },
  /** {@code e^-d - 1 + d}: unbiased, of low variance, never negative. */
  K3 {
    @Override
    double at(double d) {
      return StrictMath.expm1(-d) + d;
    }

    @Override
    double slopeAt(double d) {
      return -StrictMath.expm1(-d);
    }
  };

  /** Limit of log-ratios. */
  static final double LOG_RATIO_LIMIT = 10;

  abstract double at(double d);

  abstract double slopeAt(double d);

  /** The estimate from one token. */
  public double value(double logProb, double reference) {
    return at(Scalars.clip(logProb - reference, -LOG_RATIO_LIMIT, LOG_RATIO_LIMIT));
  }

  /** The derivative of {@link #value} with respect to {@code logProb}. */
  public double slope(double logProb, double reference) {
    double d = logProb - reference;
    return StrictMath.abs(d) > LOG_RATIO_LIMIT ? 0 : slopeAt(d);
  }
}
