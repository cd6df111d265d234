package dev.firesteel.scaling;

import dev.firesteel.scaling.RefusedException.Reason;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Locale;
import java.util.Set;
import java.util.function.DoubleUnaryOperator;
import java.util.function.ToDoubleFunction;
import java.util.stream.IntStream;

/**
 * Chinchilla's approach 3 (Hoffmann et al. 2022, section 3.3): the constants of {@link
 * ParametricLaw} that minimize {@link ParametricObjective}, from each of 4,500 starts, and again by
 * {@link VariableProjection}.
 *
 * @param variant which constants are free
 * @param law the constants
 * @param objective the sum that they minimize
 * @param starts starts of the search
 * @param startsAtOptimum starts that end at the optimum, up to a millionth of the objective
 * @param projectedObjective the sum that variable projection reaches; NaN unless all constants are
 *     free
 */
public record ParametricFit(
    ParametricVariant variant,
    ParametricLaw law,
    double objective,
    int starts,
    int startsAtOptimum,
    double projectedObjective) {
  /** Where Huber's function turns from a square to a line: of errors of log L. */
  public static final double HUBER_DELTA = ParametricObjective.DELTA;

  /** Number of starts of the grid, where all constants are free. */
  public static final int GRID = 4500;

  private static final double[] EXPONENTS = {0, 0.5, 1, 1.5, 2};
  private static final double[] IRREDUCIBLE = {-1, -0.5, 0, 0.5, 1};
  private static final double[] COEFFICIENTS = {0, 5, 10, 15, 20, 25};

  /** Ends within this share of the least objective count as the same. */
  private static final double SAME = 1e-6;

  /** Runs that a fit needs beyond its constants. */
  private static final int SPARE_RUNS = 2;

  /** The least share of a loss by which a term of the law changes it between runs. */
  private static final double EFFECT = 1e-3;

  /** A correlation of log N and log D at which their exponents cannot be separated. */
  private static final double COLLINEAR = 0.9995;

  /**
   * The fit from all starts.
   *
   * @param threads that search at the same time
   * @throws RefusedException if the runs cannot determine the constants
   */
  public static ParametricFit fit(RunTable table, ParametricVariant variant, int threads)
      throws RefusedException {
    return fit(table, variant, threads, 1);
  }

  /** The same from a part of the starts: those whose index is a multiple of a step. */
  static ParametricFit fit(RunTable table, ParametricVariant variant, int threads, int step)
      throws RefusedException {
    require(table, variant);
    ParametricObjective objective = new ParametricObjective(table, variant);
    List<double[]> starts = starts(objective, step);
    Minimizer.Minimum[] ends = new Minimizer.Minimum[starts.size()];
    new Bootstrap(0, 0, threads)
        .run(
            () -> {
              IntStream.range(0, ends.length)
                  .parallel()
                  .forEach(i -> ends[i] = Minimizer.minimize(objective, starts.get(i)));
              return true;
            });
    Minimizer.Minimum best = ends[0];
    for (Minimizer.Minimum end : ends) {
      best = end.value() < best.value() ? end : best;
    }
    best = Minimizer.minimize(objective, best.x());
    requireEffect(table, objective.law(best.x()));
    int same = 0;
    for (Minimizer.Minimum end : ends) {
      same += end.value() <= best.value() * (1 + SAME) + Double.MIN_NORMAL ? 1 : 0;
    }
    return new ParametricFit(
        variant,
        objective.law(best.x()),
        best.value(),
        starts.size(),
        same,
        variant.equals(ParametricVariant.FREE)
            ? ParametricObjective.of(VariableProjection.fit(table), table)
            : Double.NaN);
  }

  /** The law of resampled runs, from the law of all runs. */
  public static ParametricLaw refit(RunTable resample, ParametricVariant variant, ParametricLaw law)
      throws RefusedException {
    require(resample, variant);
    ParametricObjective objective = new ParametricObjective(resample, variant);
    ParametricLaw refitted =
        objective.law(Minimizer.minimize(objective, objective.arguments(law)).x());
    requireEffect(resample, refitted);
    return refitted;
  }

  /** The grid of Hoffmann et al. 2022, section D.4, of the constants that are free. */
  private static List<double[]> starts(ParametricObjective objective, int step) {
    Set<List<Double>> different = new LinkedHashSet<>();
    for (double alpha : EXPONENTS) {
      for (double beta : EXPONENTS) {
        for (double e : IRREDUCIBLE) {
          for (double a : COEFFICIENTS) {
            for (double b : COEFFICIENTS) {
              double[] start = objective.arguments(a, b, e, alpha, beta);
              List<Double> boxed = new ArrayList<>();
              for (double x : start) {
                boxed.add(x);
              }
              different.add(boxed);
            }
          }
        }
      }
    }
    List<List<Double>> all = List.copyOf(different);
    List<double[]> chosen = new ArrayList<>();
    for (int i = 0; i < all.size(); i += step) {
      chosen.add(all.get(i).stream().mapToDouble(Double::doubleValue).toArray());
    }
    return chosen;
  }

  private static void require(RunTable table, ParametricVariant variant) throws RefusedException {
    int sizes = table.bySize().size();
    if (sizes < 2) {
      throw new RefusedException(
          Reason.ONE_SIZE,
          "approach 3 needs runs of at least 2 model sizes, got one of %.4g parameters: train other sizes too"
              .formatted(table.runs().get(0).parameters()));
    }
    int least = variant.freeConstants() + SPARE_RUNS;
    if (table.size() < least) {
      throw new RefusedException(
          Reason.TOO_FEW_RUNS,
          "approach 3 with %d free constants needs at least %d runs, got %d: add runs"
              .formatted(variant.freeConstants(), least, table.size()));
    }
    double correlation =
        correlation(
            table.column(run -> Math.log(run.parameters())),
            table.column(run -> Math.log(run.tokens())));
    if (!(Math.abs(correlation) < COLLINEAR)) {
      throw new RefusedException(
          Reason.ONE_RATIO,
          "approach 3 needs parameters and tokens that vary independently, got %s: add runs with other ratios of tokens to parameters"
              .formatted(
                  Double.isNaN(correlation)
                      ? "the same number of tokens in all runs"
                      : "one as a power of the other"));
    }
  }

  /**
   * Both terms must matter. Losses that do not fall with N (large models that were hardly trained)
   * end in a huge alpha and A, which one size alone determines, so the second smallest value is
   * compared with the largest.
   */
  private static void requireEffect(RunTable table, ParametricLaw law) throws RefusedException {
    requireEffect(table, "parameters", "larger models", ScalingRun::parameters, law::sizeTerm, law);
    requireEffect(table, "tokens", "longer runs", ScalingRun::tokens, law::dataTerm, law);
  }

  private static void requireEffect(
      RunTable table,
      String name,
      String more,
      ToDoubleFunction<ScalingRun> column,
      DoubleUnaryOperator term,
      ParametricLaw law)
      throws RefusedException {
    double[] values = Arrays.stream(table.column(column)).sorted().distinct().toArray();
    double second = values[Math.min(1, values.length - 2)];
    double largest = values[values.length - 1];
    double loss = Arrays.stream(table.column(ScalingRun::loss)).min().orElseThrow();
    double effect = (term.applyAsDouble(second) - term.applyAsDouble(largest)) / loss;
    if (!(effect >= EFFECT)) {
      throw new RefusedException(
          Reason.NO_EFFECT,
          "approach 3 needs losses that fall with %s, got a law (alpha = %.4g, beta = %.4g) in which they fall by %.2g %% from %s to %s: add %s that are trained to the end of their learning, or leave out runs of a few steps"
              .formatted(
                  name, law.alpha(), law.beta(), 100 * effect, text(second), text(largest), more));
    }
  }

  private static String text(double value) {
    return String.format(Locale.ROOT, "%.3g", value);
  }

  private static double correlation(double[] x, double[] y) {
    double meanX = IntStream.range(0, x.length).mapToDouble(i -> x[i]).average().orElseThrow();
    double meanY = IntStream.range(0, y.length).mapToDouble(i -> y[i]).average().orElseThrow();
    double xx = 0;
    double yy = 0;
    double xy = 0;
    for (int i = 0; i < x.length; i++) {
      xx += (x[i] - meanX) * (x[i] - meanX);
      yy += (y[i] - meanY) * (y[i] - meanY);
      xy += (x[i] - meanX) * (y[i] - meanY);
    }
    return xx < 1e-12 || yy < 1e-12 ? Double.NaN : xy / Math.sqrt(xx * yy);
  }
}
