package dev.firesteel.scaling;

import java.util.Arrays;
import org.ddogleg.optimization.FactoryOptimization;
import org.ddogleg.optimization.UnconstrainedMinimization;
import org.ddogleg.optimization.functions.FunctionNtoN;
import org.ddogleg.optimization.functions.FunctionNtoS;
import org.ddogleg.optimization.quasinewton.ConfigQuasiNewton;

/**
 * Minimizes smooth functions of a few arguments by BFGS with the line search of Moré and Thuente,
 * as DDogleg has it: with so few arguments the whole matrix is as cheap as that of limited memory.
 * The tolerances are those of double precision, since the sums here are of the order of 0.001.
 */
final class Minimizer {
  private static final double VALUE_TOLERANCE = 1e-15;
  private static final double GRADIENT_TOLERANCE = 1e-14;
  private static final int MOST_ITERATIONS = 1000;

  /** A sum of squares of relative errors of about 1e-13. */
  private static final double NOTHING = 1e-24;

  private Minimizer() {}

  /** Where a search ended. */
  static final class Minimum {
    private final double[] x;
    private final double value;

    private Minimum(double[] x, double value) {
      this.x = x;
      this.value = value;
    }

    /** The arguments. */
    double[] x() {
      return x;
    }

    /** The function's value there. */
    double value() {
      return value;
    }
  }

  /** The minimum next to a start. */
  static Minimum minimize(SmoothFunction function, double[] start) {
    return minimize(function, start, VALUE_TOLERANCE, GRADIENT_TOLERANCE);
  }

  /** The same with other tolerances: relative of the value, and absolute of the gradient. */
  static Minimum minimize(
      SmoothFunction function, double[] start, double valueTolerance, double gradientTolerance) {
    Evaluated evaluated = new Evaluated(function);
    double atStart = evaluated.process(start);
    UnconstrainedMinimization search = FactoryOptimization.quasiNewtonBfgs(new ConfigQuasiNewton());
    search.setFunction(evaluated, evaluated, 0);
    search.initialize(start.clone(), valueTolerance, gradientTolerance);
    // A value of 0, of losses without noise, is never reached up to a share of itself.
    int iterations = 0;
    while (iterations++ < MOST_ITERATIONS && evaluated.value > NOTHING && !search.iterate()) {
      // Each iteration is one line search.
    }
    double[] end = Arrays.copyOf(search.getParameters(), start.length);
    double value = evaluated.process(end);
    return value <= atStart ? new Minimum(end, value) : new Minimum(start.clone(), atStart);
  }

  /** Value and gradient are asked for one after the other at the same point, and computed once. */
  private static final class Evaluated implements FunctionNtoS, FunctionNtoN {
    private final SmoothFunction function;
    private final double[] gradient;
    private double[] at;
    private double value;

    Evaluated(SmoothFunction function) {
      this.function = function;
      gradient = new double[function.arguments()];
    }

    private void evaluate(double[] x) {
      if (at == null || !Arrays.equals(at, x)) {
        at = x.clone();
        value = function.value(x, gradient);
      }
    }

    @Override
    public int getNumOfInputsN() {
      return gradient.length;
    }

    @Override
    public int getN() {
      return gradient.length;
    }

    @Override
    public double process(double[] x) {
      evaluate(x);
      return value;
    }

    @Override
    public void process(double[] x, double[] derivatives) {
      evaluate(x);
      System.arraycopy(gradient, 0, derivatives, 0, gradient.length);
    }
  }
}
