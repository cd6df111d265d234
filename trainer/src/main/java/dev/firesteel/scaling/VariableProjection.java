package dev.firesteel.scaling;

import java.util.Arrays;

/**
 * Approach 3 by variable projection (Golub and Pereyra 1973; for scaling laws: Open-Athena,
 * scaling-law-analysis): for given exponents the best E, A and B follow from a convex problem, so
 * that only alpha and beta are searched for. The objective is that of {@link ParametricObjective},
 * so that both ways must find the same minimum; that one of them stopped early shows at once.
 *
 * <p>The inner problem is solved by iteratively reweighted least squares without negative
 * constants: {@code log(E + A x + B y)} is linearized in (E, A, B) and Huber's function is a
 * weighted square, {@code w = min(1, delta / |r|)}.
 */
final class VariableProjection implements SmoothFunction {
  private static final int MOST_ITERATIONS = 500;
  private static final double PRECISION = 1e-13;
  private static final double[] STARTS = {0.15, 0.3, 0.5, 0.8};
  private static final double DELTA = ParametricObjective.DELTA;

  private final double[] logParameters;
  private final double[] logTokens;
  private final double[] loss;
  private final double meanLogParameters;
  private final double meanLogTokens;
  private final double[] constants = new double[3]; // E, A and B at the centre of the runs
  private final double[] predicted;

  private VariableProjection(RunTable table) {
    logParameters = logs(table.column(ScalingRun::parameters));
    logTokens = logs(table.column(ScalingRun::tokens));
    loss = table.column(ScalingRun::loss);
    meanLogParameters = Arrays.stream(logParameters).average().orElseThrow();
    meanLogTokens = Arrays.stream(logTokens).average().orElseThrow();
    predicted = new double[loss.length];
  }

  private static double[] logs(double[] values) {
    return Arrays.stream(values).map(Math::log).toArray();
  }

  /** The law with the least objective from a grid of exponents. */
  static ParametricLaw fit(RunTable table) {
    VariableProjection projection = new VariableProjection(table);
    ParametricLaw best = null;
    double least = Double.POSITIVE_INFINITY;
    for (double alpha : STARTS) {
      for (double beta : STARTS) {
        Minimizer.Minimum found = Minimizer.minimize(projection, new double[] {alpha, beta});
        ParametricLaw law = projection.law(found.x());
        double objective = ParametricObjective.of(law, table);
        if (objective < least) {
          least = objective;
          best = law;
        }
      }
    }
    return best;
  }

  private ParametricLaw law(double[] exponents) {
    value(exponents, new double[2]);
    return new ParametricLaw(
        constants[0],
        constants[1] * Math.exp(exponents[0] * meanLogParameters),
        constants[2] * Math.exp(exponents[1] * meanLogTokens),
        exponents[0],
        exponents[1]);
  }

  @Override
  public int arguments() {
    return 2;
  }

  /** The least objective at these exponents; its gradient is that at the inner solution. */
  @Override
  public double value(double[] exponents, double[] gradient) {
    int runs = loss.length;
    double[] x = new double[runs];
    double[] y = new double[runs];
    for (int i = 0; i < runs; i++) {
      x[i] = Math.exp(-exponents[0] * (logParameters[i] - meanLogParameters));
      y[i] = Math.exp(-exponents[1] * (logTokens[i] - meanLogTokens));
    }
    double value = inner(x, y);
    Arrays.fill(gradient, 0);
    for (int i = 0; i < runs; i++) {
      double residual = Math.log(predicted[i] / loss[i]);
      double slope = Math.max(-DELTA, Math.min(DELTA, residual)) / predicted[i];
      gradient[0] -= slope * constants[1] * x[i] * (logParameters[i] - meanLogParameters);
      gradient[1] -= slope * constants[2] * y[i] * (logTokens[i] - meanLogTokens);
    }
    return value;
  }

  private double inner(double[] x, double[] y) {
    double mean = Arrays.stream(loss).average().orElseThrow();
    Arrays.fill(constants, mean / 3);
    double value = evaluate(constants, x, y);
    for (int iteration = 0; iteration < MOST_ITERATIONS; iteration++) {
      double[][] normal = new double[3][4];
      for (int i = 0; i < loss.length; i++) {
        double residual = Math.log(predicted[i] / loss[i]);
        double weight = Math.min(1, DELTA / Math.abs(residual)) / (predicted[i] * predicted[i]);
        double target = predicted[i] * (1 - residual);
        double[] row = {1, x[i], y[i]};
        for (int j = 0; j < 3; j++) {
          for (int k = 0; k < 3; k++) {
            normal[j][k] += weight * row[j] * row[k];
          }
          normal[j][3] += weight * row[j] * target;
        }
      }
      double[] next = nonNegative(normal);
      double[] step = new double[3];
      double length = 1;
      double tried;
      do { // A whole step may overshoot far from the solution.
        for (int j = 0; j < 3; j++) {
          step[j] = constants[j] + length * (next[j] - constants[j]);
        }
        tried = evaluate(step, x, y);
        length /= 2;
      } while (tried > value && length > 1e-6);
      if (!(tried < value)) {
        evaluate(constants, x, y);
        return value;
      }
      double gained = value - tried;
      System.arraycopy(step, 0, constants, 0, 3);
      value = tried;
      if (gained <= PRECISION * value) {
        return value;
      }
    }
    return value;
  }

  private double evaluate(double[] c, double[] x, double[] y) {
    double sum = 0;
    for (int i = 0; i < loss.length; i++) {
      predicted[i] = c[0] + c[1] * x[i] + c[2] * y[i];
      double size = Math.abs(Math.log(predicted[i] / loss[i]));
      sum += size <= DELTA ? 0.5 * size * size : DELTA * (size - 0.5 * DELTA);
    }
    return sum;
  }

  /** Of all choices of constants that are 0, the one whose others are positive and fit best. */
  private static double[] nonNegative(double[][] normal) {
    double[] best = new double[3];
    double least = Double.POSITIVE_INFINITY;
    for (int free = 1; free < 8; free++) {
      int count = Integer.bitCount(free);
      int[] places = new int[count];
      for (int j = 0, next = 0; j < 3; j++) {
        if ((free >> j & 1) != 0) {
          places[next++] = j;
        }
      }
      double[][] rows = new double[count][count + 1];
      for (int j = 0; j < count; j++) {
        for (int k = 0; k < count; k++) {
          rows[j][k] = normal[places[j]][places[k]];
        }
        rows[j][count] = normal[places[j]][3];
      }
      double[] solved = SmallLinearSystem.solve(rows);
      double[] candidate = new double[3];
      boolean feasible = true;
      double energy = 0;
      for (int j = 0; j < count; j++) {
        feasible &= solved[j] >= 0; // False for NaN, too.
        candidate[places[j]] = solved[j];
        energy -= solved[j] * normal[places[j]][3];
      }
      if (feasible && energy < least) {
        least = energy;
        best = candidate;
      }
    }
    return best;
  }
}
