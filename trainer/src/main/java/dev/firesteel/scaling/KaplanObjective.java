package dev.firesteel.scaling;

import java.util.Arrays;

/**
 * Huber's function of the errors of {@link KaplanLaw} in {@code log L}, summed over the runs:
 *
 * <pre>log L = alphaD log(exp(u - p n) + exp(v - d)),  p = alphaN / alphaD</pre>
 *
 * with the centred logarithms n and d. The arguments are u, v, p and log alphaD.
 */
final class KaplanObjective implements SmoothFunction {
  private static final double DELTA = ParametricObjective.DELTA;

  private final double[] logParameters;
  private final double[] logTokens;
  private final double[] logLoss;
  private final double meanLogParameters;
  private final double meanLogTokens;
  private final double meanLogLoss;

  KaplanObjective(RunTable table) {
    logParameters = logs(table.column(ScalingRun::parameters));
    logTokens = logs(table.column(ScalingRun::tokens));
    logLoss = logs(table.column(ScalingRun::loss));
    meanLogParameters = Arrays.stream(logParameters).average().orElseThrow();
    meanLogTokens = Arrays.stream(logTokens).average().orElseThrow();
    meanLogLoss = Arrays.stream(logLoss).average().orElseThrow();
  }

  private static double[] logs(double[] values) {
    return Arrays.stream(values).map(Math::log).toArray();
  }

  @Override
  public int arguments() {
    return 4;
  }

  /** A start that has the mean loss in the middle of the runs. */
  double[] start(double tokenExponent, double ratio, double shift) {
    double middle = meanLogLoss / tokenExponent - Math.log(2);
    return new double[] {middle + shift, middle - shift, ratio, Math.log(tokenExponent)};
  }

  double[] arguments(KaplanLaw law) {
    double ratio = law.alphaN() / law.alphaD();
    return new double[] {
      ratio * (Math.log(law.criticalParameters()) - meanLogParameters),
      Math.log(law.criticalTokens()) - meanLogTokens,
      ratio,
      Math.log(law.alphaD())
    };
  }

  KaplanLaw law(double[] x) {
    double alphaD = Math.exp(x[3]);
    return new KaplanLaw(
        Math.exp(x[0] / x[2] + meanLogParameters),
        Math.exp(x[1] + meanLogTokens),
        x[2] * alphaD,
        alphaD);
  }

  @Override
  public double value(double[] x, double[] gradient) {
    double exponent = Math.exp(x[3]);
    double sum = 0;
    Arrays.fill(gradient, 0);
    for (int i = 0; i < logLoss.length; i++) {
      double n = logParameters[i] - meanLogParameters;
      double first = x[0] - x[2] * n;
      double second = x[1] - (logTokens[i] - meanLogTokens);
      double most = Math.max(first, second);
      double ofN = Math.exp(first - most);
      double ofD = Math.exp(second - most);
      double log = most + Math.log(ofN + ofD);
      double residual = exponent * log - logLoss[i];
      double size = Math.abs(residual);
      double slope = size <= DELTA ? residual : Math.copySign(DELTA, residual);
      sum += size <= DELTA ? 0.5 * residual * residual : DELTA * (size - 0.5 * DELTA);
      double share = ofN / (ofN + ofD);
      gradient[0] += slope * exponent * share;
      gradient[1] += slope * exponent * (1 - share);
      gradient[2] -= slope * exponent * share * n;
      gradient[3] += slope * exponent * log;
    }
    return sum;
  }
}
