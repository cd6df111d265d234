package dev.firesteel.scaling;

import java.util.Arrays;

/**
 * What approach 3 minimizes (Hoffmann et al. 2022, section 3.3): over the runs i,
 *
 * <pre>
 * sum of Huber(log-sum-exp(a - alpha log N_i, b - beta log D_i, e) - log L_i)
 * Huber(r) = r^2 / 2 if |r| &lt;= delta, else delta (|r| - delta / 2);  delta = 0.001
 * </pre>
 *
 * with {@code A = exp(a)}, {@code B = exp(b)}, {@code E = exp(e)}. It is a sum, not a mean: the
 * mean of some hundred runs is so small that common tolerances end a minimization at once
 * (Besiroglu et al. 2024, section 4.2).
 *
 * <p>The arguments are those of a, b, e, alpha and beta that a variant leaves free, in this order;
 * a and b are those of centred logarithms, {@code a - alpha mean(log N)}, so that they and the
 * exponents hardly depend on each other.
 */
final class ParametricObjective implements SmoothFunction {
  /** Where Huber's function turns from a square to a line. */
  static final double DELTA = 1e-3;

  private static final int A = 0;
  private static final int B = 1;
  private static final int E = 2;
  private static final int ALPHA = 3;
  private static final int BETA = 4;
  private static final int CONSTANTS = 5;

  private final double[] logParameters; // centred
  private final double[] logTokens; // centred
  private final double[] logLoss;
  private final double meanLogParameters;
  private final double meanLogTokens;

  /** The argument of each constant, or -1 where it is fixed. */
  private final int[] argument = new int[CONSTANTS];

  private final double[] fixed = new double[CONSTANTS];
  private final int arguments;

  /** Divides the value and the gradient; 1 for the sum that the law is defined by. */
  private final double divisor;

  ParametricObjective(RunTable table, ParametricVariant variant) {
    this(table, variant, 1);
  }

  private ParametricObjective(RunTable table, ParametricVariant variant, double divisor) {
    this.divisor = divisor;
    logParameters = logs(table.column(ScalingRun::parameters));
    logTokens = logs(table.column(ScalingRun::tokens));
    logLoss = logs(table.column(ScalingRun::loss));
    meanLogParameters = center(logParameters);
    meanLogTokens = center(logTokens);
    fixed[E] = Math.log(variant.irreducible());
    fixed[ALPHA] = variant.alpha();
    fixed[BETA] = variant.beta();
    int next = 0;
    argument[A] = next++;
    argument[B] = next++;
    argument[E] = Double.isNaN(variant.irreducible()) ? next++ : -1;
    argument[ALPHA] = Double.isNaN(variant.alpha()) ? next++ : -1;
    argument[BETA] = variant.tied() ? argument[ALPHA] : Double.isNaN(variant.beta()) ? next++ : -1;
    arguments = next;
  }

  /** The mean of the same terms, which stops too early: for the test that shows it. */
  static ParametricObjective mean(RunTable table, ParametricVariant variant) {
    return new ParametricObjective(table, variant, table.size());
  }

  private static double[] logs(double[] values) {
    return Arrays.stream(values).map(Math::log).toArray();
  }

  private static double center(double[] values) {
    double mean = Arrays.stream(values).average().orElseThrow();
    for (int i = 0; i < values.length; i++) {
      values[i] -= mean;
    }
    return mean;
  }

  @Override
  public int arguments() {
    return arguments;
  }

  /** The arguments of constants; fixed ones are ignored. */
  double[] arguments(double a, double b, double e, double alpha, double beta) {
    double[] x = new double[arguments];
    double usedAlpha = argument[ALPHA] < 0 ? fixed[ALPHA] : alpha;
    double usedBeta = argument[BETA] < 0 ? fixed[BETA] : beta;
    x[argument[A]] = a - usedAlpha * meanLogParameters;
    x[argument[B]] = b - usedBeta * meanLogTokens;
    set(x, E, e);
    set(x, ALPHA, alpha);
    if (argument[BETA] != argument[ALPHA]) {
      set(x, BETA, beta);
    }
    return x;
  }

  private void set(double[] x, int constant, double value) {
    if (argument[constant] >= 0) {
      x[argument[constant]] = value;
    }
  }

  /** The arguments of a law. */
  double[] arguments(ParametricLaw law) {
    return arguments(
        Math.log(law.a()), Math.log(law.b()), Math.log(law.irreducible()), law.alpha(), law.beta());
  }

  /** The law of arguments. */
  ParametricLaw law(double[] x) {
    double alpha = constant(x, ALPHA);
    double beta = constant(x, BETA);
    return ParametricLaw.ofLogs(
        constant(x, E),
        constant(x, A) + alpha * meanLogParameters,
        constant(x, B) + beta * meanLogTokens,
        alpha,
        beta);
  }

  private double constant(double[] x, int constant) {
    return argument[constant] < 0 ? fixed[constant] : x[argument[constant]];
  }

  @Override
  public double value(double[] x, double[] gradient) {
    double a = constant(x, A);
    double b = constant(x, B);
    double e = constant(x, E);
    double alpha = constant(x, ALPHA);
    double beta = constant(x, BETA);
    double sum = 0;
    double byA = 0;
    double byB = 0;
    double byE = 0;
    double byAlpha = 0;
    double byBeta = 0;
    for (int i = 0; i < logLoss.length; i++) {
      double n = logParameters[i];
      double d = logTokens[i];
      double first = a - alpha * n;
      double second = b - beta * d;
      double most = Math.max(Math.max(first, second), e);
      double ofA = Math.exp(first - most);
      double ofB = Math.exp(second - most);
      double ofE = Math.exp(e - most);
      double total = ofA + ofB + ofE;
      double residual = most + Math.log(total) - logLoss[i];
      double size = Math.abs(residual);
      double slope;
      if (size <= DELTA) {
        sum += 0.5 * residual * residual;
        slope = residual / total;
      } else {
        sum += DELTA * (size - 0.5 * DELTA);
        slope = Math.copySign(DELTA, residual) / total;
      }
      byA += slope * ofA;
      byB += slope * ofB;
      byE += slope * ofE;
      byAlpha -= slope * ofA * n;
      byBeta -= slope * ofB * d;
    }
    Arrays.fill(gradient, 0);
    add(gradient, A, byA);
    add(gradient, B, byB);
    add(gradient, E, byE);
    add(gradient, ALPHA, byAlpha);
    add(gradient, BETA, byBeta);
    return sum / divisor;
  }

  private void add(double[] gradient, int constant, double slope) {
    if (argument[constant] >= 0) {
      gradient[argument[constant]] += slope / divisor;
    }
  }

  /** The objective of a law, whether or not it is of the variant. */
  static double of(ParametricLaw law, RunTable table) {
    double sum = 0;
    for (ScalingRun run : table.runs()) {
      double residual = Math.abs(Math.log(law.loss(run.parameters(), run.tokens()) / run.loss()));
      sum += residual <= DELTA ? 0.5 * residual * residual : DELTA * (residual - 0.5 * DELTA);
    }
    return sum;
  }
}
