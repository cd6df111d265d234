package dev.firesteel.backend.reference;

import dev.firesteel.backend.Activation;

/** The functions of one number that kernels apply to each element. */
final class Scalars {
  private static final double SQRT_2 = Math.sqrt(2);
  private static final double SQRT_2_OVER_PI = Math.sqrt(2 / Math.PI);
  private static final double GELU_CUBIC = 0.044715;

  private Scalars() {}

  /** {@code f(x)}. */
  static double apply(Activation f, double x) {
    return switch (f) {
      case IDENTITY -> x;
      case GELU_TANH -> x / 2 * (1 + StrictMath.tanh(geluArgument(x)));
      case GELU_ERF -> x * normalCdf(x);
      case SILU -> x * sigmoid(x);
    };
  }

  /** {@code f'(x)}. */
  static double derivative(Activation f, double x) {
    return switch (f) {
      case IDENTITY -> 1;
      case GELU_TANH -> {
        double tanh = StrictMath.tanh(geluArgument(x));
        double slope = SQRT_2_OVER_PI * (1 + 3 * GELU_CUBIC * x * x);
        yield (1 + tanh) / 2 + x / 2 * (1 - tanh * tanh) * slope;
      }
      case GELU_ERF -> normalCdf(x) + x * normalDensity(x);
      case SILU -> {
        double sigmoid = sigmoid(x);
        yield sigmoid * (1 + x * (1 - sigmoid));
      }
    };
  }

  static double sigmoid(double x) {
    return 1 / (1 + StrictMath.exp(-x));
  }

  private static double geluArgument(double x) {
    return SQRT_2_OVER_PI * (x + GELU_CUBIC * x * x * x);
  }

  private static double normalCdf(double x) {
    return ErrorFunction.erfc(-x / SQRT_2) / 2;
  }

  private static double normalDensity(double x) {
    return StrictMath.exp(-x * x / 2) / StrictMath.sqrt(2 * Math.PI);
  }

  /** {@code log sum_i exp(x[i])} of the first {@code length} values, around their maximum. */
  static double logSumExp(double[] x, int length) {
    double max = Double.NEGATIVE_INFINITY;
    for (int i = 0; i < length; i++) {
      max = Math.max(max, x[i]);
    }
    double sum = 0;
    for (int i = 0; i < length; i++) {
      sum += StrictMath.exp(x[i] - max);
    }
    return max + StrictMath.log(sum);
  }
}
