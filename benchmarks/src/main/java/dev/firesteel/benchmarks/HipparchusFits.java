package dev.firesteel.benchmarks;

import dev.firesteel.scaling.ParametricFit;
import dev.firesteel.scaling.RunTable;
import dev.firesteel.scaling.ScalingRun;
import java.util.ArrayList;
import java.util.List;
import org.hipparchus.exception.MathRuntimeException;
import org.hipparchus.linear.Array2DRowRealMatrix;
import org.hipparchus.linear.ArrayRealVector;
import org.hipparchus.linear.RealMatrix;
import org.hipparchus.linear.RealVector;
import org.hipparchus.optim.InitialGuess;
import org.hipparchus.optim.MaxEval;
import org.hipparchus.optim.SimpleValueChecker;
import org.hipparchus.optim.nonlinear.scalar.GoalType;
import org.hipparchus.optim.nonlinear.scalar.ObjectiveFunction;
import org.hipparchus.optim.nonlinear.scalar.ObjectiveFunctionGradient;
import org.hipparchus.optim.nonlinear.scalar.gradient.NonLinearConjugateGradientOptimizer;
import org.hipparchus.optim.nonlinear.vector.leastsquares.LeastSquaresBuilder;
import org.hipparchus.optim.nonlinear.vector.leastsquares.LevenbergMarquardtOptimizer;
import org.hipparchus.util.Pair;

/**
 * The same minimization as {@link ParametricFit}'s by Hipparchus, which has no quasi-Newton method
 * without constraints: Levenberg and Marquardt's on {@code sign(r) sqrt(2 Huber(r))}, whose squares
 * are the objective, and conjugate gradients.
 */
final class HipparchusFits {
  private static final int MOST = 5000;

  private final double[] logParameters;
  private final double[] logTokens;
  private final double[] logLoss;

  private HipparchusFits(RunTable table) {
    logParameters = centred(table.column(run -> Math.log(run.parameters())));
    logTokens = centred(table.column(run -> Math.log(run.tokens())));
    logLoss = table.column(run -> Math.log(run.loss()));
  }

  private static double[] centred(double[] values) {
    double mean = 0;
    for (double value : values) {
      mean += value / values.length;
    }
    for (int i = 0; i < values.length; i++) {
      values[i] -= mean;
    }
    return values;
  }

  private interface Search {
    double[] from(double[] start);
  }

  /** Prints time and results of both, from each start whose index is a multiple of a step. */
  static void compare(RunTable table, int step) {
    HipparchusFits fits = new HipparchusFits(table);
    List<double[]> starts = starts(table);
    fits.measure("Hipparchus, Levenberg-Marquardt", starts, step, fits::leastSquares);
    fits.measure("Hipparchus, conjugate gradients", starts, step, fits::conjugateGradients);
  }

  private static List<double[]> starts(RunTable table) {
    double meanN = table.runs().stream().mapToDouble(HipparchusFits::n).average().orElseThrow();
    double meanD =
        table.runs().stream().mapToDouble(run -> Math.log(run.tokens())).average().orElseThrow();
    List<double[]> starts = new ArrayList<>();
    for (double alpha = 0; alpha <= 2; alpha += 0.5) {
      for (double beta = 0; beta <= 2; beta += 0.5) {
        for (double e = -1; e <= 1; e += 0.5) {
          for (double a = 0; a <= 25; a += 5) {
            for (double b = 0; b <= 25; b += 5) {
              starts.add(new double[] {a - alpha * meanN, b - beta * meanD, e, alpha, beta});
            }
          }
        }
      }
    }
    return starts;
  }

  private static double n(ScalingRun run) {
    return Math.log(run.parameters());
  }

  private void measure(String name, List<double[]> starts, int step, Search search) {
    double best = Double.POSITIVE_INFINITY;
    List<Double> ends = new ArrayList<>();
    int failed = 0;
    long began = System.nanoTime();
    for (int i = 0; i < starts.size(); i += step) {
      try {
        double end = value(search.from(starts.get(i)), new double[5]);
        ends.add(end);
        best = Math.min(best, end);
      } catch (MathRuntimeException e) {
        failed++;
      }
    }
    double seconds = (System.nanoTime() - began) / 1e9;
    double bound = best * (1 + 1e-6);
    ScalingFits.print(
        "%s: %d starts, 1 thread: %.2f s, so %.1f s for 4,500; sum %.15f, %d starts end there, %d fail%n",
        name,
        ends.size() + failed,
        seconds,
        seconds * starts.size() / (ends.size() + failed),
        best,
        ends.stream().filter(end -> end <= bound).count(),
        failed);
  }

  private double[] leastSquares(double[] start) {
    return new LevenbergMarquardtOptimizer()
        .withCostRelativeTolerance(1e-14)
        .withParameterRelativeTolerance(1e-12)
        .withOrthoTolerance(1e-14)
        .optimize(
            new LeastSquaresBuilder()
                .start(start)
                .target(new double[logLoss.length])
                .maxEvaluations(MOST)
                .maxIterations(MOST)
                .model(this::residuals)
                .build())
        .getPoint()
        .toArray();
  }

  private double[] conjugateGradients(double[] start) {
    return new NonLinearConjugateGradientOptimizer(
            NonLinearConjugateGradientOptimizer.Formula.POLAK_RIBIERE,
            new SimpleValueChecker(1e-12, 1e-18),
            1e-6,
            1e-10,
            1e-3)
        .optimize(
            new MaxEval(MOST),
            new InitialGuess(start),
            GoalType.MINIMIZE,
            new ObjectiveFunction(x -> value(x, new double[5])),
            new ObjectiveFunctionGradient(
                x -> {
                  double[] gradient = new double[5];
                  value(x, gradient);
                  return gradient;
                }))
        .getPoint();
  }

  private double value(double[] x, double[] gradient) {
    Pair<RealVector, RealMatrix> at = residuals(new ArrayRealVector(x, false));
    RealVector slope = at.getSecond().preMultiply(at.getFirst());
    for (int i = 0; i < gradient.length; i++) {
      gradient[i] = slope.getEntry(i);
    }
    return 0.5 * at.getFirst().dotProduct(at.getFirst());
  }

  private Pair<RealVector, RealMatrix> residuals(RealVector at) {
    double[] x = at.toArray();
    double[] roots = new double[logLoss.length];
    double[][] jacobian = new double[logLoss.length][];
    for (int i = 0; i < roots.length; i++) {
      double first = x[0] - x[3] * logParameters[i];
      double second = x[1] - x[4] * logTokens[i];
      double most = Math.max(x[2], Math.max(first, second));
      double a = Math.exp(first - most);
      double b = Math.exp(second - most);
      double e = Math.exp(x[2] - most);
      double sum = a + b + e;
      double residual = most + Math.log(sum) - logLoss[i];
      double size = Math.abs(residual);
      double delta = ParametricFit.HUBER_DELTA;
      double root =
          size <= delta ? residual : Math.copySign(Math.sqrt(delta * (2 * size - delta)), residual);
      double slope = (size <= delta ? 1 : delta / Math.abs(root)) / sum;
      roots[i] = root;
      jacobian[i] =
          new double[] {
            slope * a,
            slope * b,
            slope * e,
            -slope * a * logParameters[i],
            -slope * b * logTokens[i]
          };
    }
    return new Pair<>(new ArrayRealVector(roots, false), new Array2DRowRealMatrix(jacobian, false));
  }
}
