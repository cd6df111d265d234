package dev.firesteel.scaling;

import dev.firesteel.scaling.RefusedException.Reason;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.function.ToDoubleFunction;

/**
 * Kaplan's laws (Kaplan et al. 2020, section 1.2): powers of one number alone, through the runs
 * that no run with less of it beats, and the joint law through all runs.
 *
 * @param ofParameters L(N), where tokens do not limit the loss
 * @param ofTokens L(D), where parameters do not
 * @param ofFlops L(C), of the best runs of each budget
 * @param joint L(N, D)
 * @param objective sum of Huber's function of the joint law's errors, as in approach 3
 */
public record KaplanFit(
    PowerLaw ofParameters, PowerLaw ofTokens, PowerLaw ofFlops, KaplanLaw joint, double objective) {
  private static final int LEAST_FRONTIER = 3;
  private static final double[] TOKEN_EXPONENTS = {0.05, 0.1, 0.2, 0.4, 0.8};
  private static final double[] RATIOS = {0.5, 1, 2};
  private static final double[] SHIFTS = {-2, 0, 2};

  /**
   * The fit.
   *
   * @throws RefusedException if fewer than three runs lie on a frontier
   */
  public static KaplanFit fit(RunTable table) throws RefusedException {
    PowerLaw parameters = power(table, ScalingRun::parameters, "parameters");
    PowerLaw tokens = power(table, ScalingRun::tokens, "tokens");
    PowerLaw flops = power(table, ScalingRun::flops, "FLOPs");
    KaplanObjective objective = new KaplanObjective(table);
    Minimizer.Minimum best = null;
    for (double exponent : TOKEN_EXPONENTS) {
      for (double ratio : RATIOS) {
        for (double shift : SHIFTS) {
          Minimizer.Minimum found =
              Minimizer.minimize(objective, objective.start(exponent, ratio, shift));
          best = best == null || found.value() < best.value() ? found : best;
        }
      }
    }
    return new KaplanFit(parameters, tokens, flops, objective.law(best.x()), best.value());
  }

  /** The same from the constants of an earlier fit, for resampled runs. */
  KaplanFit refit(RunTable table) throws RefusedException {
    KaplanObjective of = new KaplanObjective(table);
    Minimizer.Minimum found = Minimizer.minimize(of, of.arguments(joint));
    return new KaplanFit(
        power(table, ScalingRun::parameters, "parameters"),
        power(table, ScalingRun::tokens, "tokens"),
        power(table, ScalingRun::flops, "FLOPs"),
        of.law(found.x()),
        found.value());
  }

  private static PowerLaw power(RunTable table, ToDoubleFunction<ScalingRun> of, String name)
      throws RefusedException {
    List<ScalingRun> frontier = frontier(table, of);
    if (frontier.size() < LEAST_FRONTIER) {
      throw new RefusedException(
          Reason.TOO_FEW_RUNS,
          "Kaplan's law of %s needs at least %d runs, each better than all with fewer %s, got %d: add runs over a wider range"
              .formatted(name, LEAST_FRONTIER, name, frontier.size()));
    }
    return PowerLaw.fit(
        frontier.stream().mapToDouble(of).toArray(),
        frontier.stream().mapToDouble(ScalingRun::loss).toArray());
  }

  /** The runs whose loss is below that of all runs with less of a number, or as much. */
  static List<ScalingRun> frontier(RunTable table, ToDoubleFunction<ScalingRun> of) {
    List<ScalingRun> sorted = new ArrayList<>(table.runs());
    sorted.sort(Comparator.comparingDouble(of).thenComparingDouble(ScalingRun::loss));
    List<ScalingRun> frontier = new ArrayList<>();
    double last = 0;
    for (ScalingRun run : sorted) {
      if ((frontier.isEmpty() || run.loss() < frontier.get(frontier.size() - 1).loss())
          && of.applyAsDouble(run) > last) {
        frontier.add(run);
        last = of.applyAsDouble(run);
      }
    }
    return frontier;
  }
}
