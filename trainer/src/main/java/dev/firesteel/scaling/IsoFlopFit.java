package dev.firesteel.scaling;

import dev.firesteel.scaling.IsoFlopBudget.Point;
import dev.firesteel.scaling.IsoFlopBudget.Shape;
import dev.firesteel.scaling.RefusedException.Reason;
import java.util.ArrayList;
import java.util.List;

/**
 * Chinchilla's approach 2 (Hoffmann et al. 2022, section 3.2): at each compute budget a parabola of
 * the loss over log N; power laws through the vertices.
 *
 * @param budgets in ascending order, also those without a minimum
 * @param interpolated whether the runs share no budgets, so that each size's loss was interpolated
 *     between its runs
 * @param parameters {@code N* = coefficient C^exponent}
 * @param tokens {@code D* = coefficient C^exponent}
 */
public record IsoFlopFit(
    List<IsoFlopBudget> budgets, boolean interpolated, PowerLaw parameters, PowerLaw tokens)
    implements AllocationFit {
  private static final int LEAST_BUDGETS = 3;

  /** Runs of one budget differ by less than this from the next one, relatively. */
  private static final double GAP = 0.15;

  /** And all of them by less than this factor. */
  private static final double MOST_SPREAD = 1.35;

  private static final int SLICES = 8;
  private static final int CANDIDATES = 200;
  private static final int LEAST_SIZES_OF_SLICE = 5;

  /** Copies the list. */
  public IsoFlopFit {
    budgets = List.copyOf(budgets);
  }

  /**
   * The fit.
   *
   * @throws RefusedException if there are too few budgets, or too few whose loss has a minimum
   */
  public static IsoFlopFit fit(RunTable table) throws RefusedException {
    List<IsoFlopBudget> budgets = shared(table);
    boolean interpolated = budgets.size() < LEAST_BUDGETS;
    if (interpolated) {
      List<IsoFlopBudget> slices = slices(table);
      if (slices.isEmpty()) {
        throw new RefusedException(
            Reason.TOO_FEW_BUDGETS,
            "approach 2 needs at least %d compute budgets with %d model sizes each, got %d: run the same sizes at more budgets"
                .formatted(LEAST_BUDGETS, IsoFlopBudget.LEAST_POINTS, budgets.size()));
      }
      budgets = slices;
    }
    return through(budgets, interpolated);
  }

  /** Power laws through the vertices of parabolas. */
  private static IsoFlopFit through(List<IsoFlopBudget> budgets, boolean interpolated)
      throws RefusedException {
    List<IsoFlopBudget> usable =
        budgets.stream().filter(budget -> budget.shape() != Shape.NO_MINIMUM).toList();
    if (usable.size() < LEAST_BUDGETS) {
      throw new RefusedException(
          Reason.NO_INTERIOR_MINIMUM,
          "approach 2 needs at least %d budgets whose loss falls and rises again over the model sizes, got %d of %d: add smaller or larger models where the lowest loss is at an end"
              .formatted(LEAST_BUDGETS, usable.size(), budgets.size()));
    }
    double[] flops = usable.stream().mapToDouble(IsoFlopBudget::flops).toArray();
    return new IsoFlopFit(
        budgets,
        interpolated,
        PowerLaw.fit(flops, usable.stream().mapToDouble(IsoFlopBudget::vertexParameters).toArray()),
        PowerLaw.fit(flops, usable.stream().mapToDouble(IsoFlopBudget::vertexTokens).toArray()));
  }

  /** Budgets that runs of several sizes share. */
  private static List<IsoFlopBudget> shared(RunTable table) {
    List<IsoFlopBudget> budgets = new ArrayList<>();
    for (List<ScalingRun> group : table.groups(ScalingRun::flops, GAP)) {
      double spread = group.get(group.size() - 1).flops() / group.get(0).flops();
      if (spread > MOST_SPREAD) {
        continue;
      }
      List<Point> points = new ArrayList<>();
      double logs = 0;
      for (List<ScalingRun> size : new RunTable(table.origin(), table.derived(), group).bySize()) {
        points.add(
            new Point(
                size.get(0).parameters(),
                size.stream().mapToDouble(ScalingRun::loss).average().orElseThrow()));
      }
      for (ScalingRun run : group) {
        logs += Math.log(run.flops()) / group.size();
      }
      if (points.size() >= IsoFlopBudget.LEAST_POINTS) {
        budgets.add(IsoFlopBudget.fit(Math.exp(logs), spread, points));
      }
    }
    return budgets;
  }

  /**
   * Budgets at equal logarithmic distances, with the losses of the sizes whose runs lie on both
   * sides of them.
   */
  private static List<IsoFlopBudget> slices(RunTable table) {
    List<List<ScalingRun>> curves = EnvelopeFit.curves(table);
    double least = table.runs().stream().mapToDouble(ScalingRun::flops).min().orElseThrow();
    double most = table.runs().stream().mapToDouble(ScalingRun::flops).max().orElseThrow();
    double low = Double.NaN;
    double high = Double.NaN;
    for (int i = 0; i < CANDIDATES; i++) {
      double flops = least * Math.pow(most / least, i / (CANDIDATES - 1.0));
      if (points(curves, flops).size() >= LEAST_SIZES_OF_SLICE) {
        low = Double.isNaN(low) ? flops : low;
        high = flops;
      }
    }
    List<IsoFlopBudget> slices = new ArrayList<>();
    for (int i = 0; i < SLICES && high > low; i++) {
      double flops = low * Math.pow(high / low, i / (SLICES - 1.0));
      List<Point> points = points(curves, flops);
      if (points.size() >= LEAST_SIZES_OF_SLICE) {
        slices.add(IsoFlopBudget.fit(flops, 1, points));
      }
    }
    return slices.size() < LEAST_BUDGETS ? List.of() : slices;
  }

  private static List<Point> points(List<List<ScalingRun>> curves, double flops) {
    List<Point> points = new ArrayList<>();
    for (List<ScalingRun> curve : curves) {
      double loss = EnvelopeFit.interpolated(curve, flops);
      if (!Double.isNaN(loss)) {
        points.add(new Point(curve.get(0).parameters(), loss));
      }
    }
    return points;
  }

  /**
   * How far a parabola's vertex is from the optimum without any noise, since the loss over log N is
   * no parabola: the fit of the same runs with the losses of a law, relative to the law's optimum
   * at the middle budget. Wider ranges of sizes have more of it (Open-Athena,
   * scaling-law-analysis).
   *
   * @return {@code N*(parabola) / N*(law) - 1}; NaN if that fit is refused
   */
  public double parabolaBias(RunTable table, ParametricLaw law) {
    try {
      IsoFlopFit exact =
          fit(
              new RunTable(
                  table.origin(),
                  table.derived(),
                  table.runs().stream()
                      .map(
                          run ->
                              ScalingRun.of(
                                  run.row(),
                                  run.parameters(),
                                  run.tokens(),
                                  law.loss(run.parameters(), run.tokens())))
                      .toList()));
      double middle =
          Math.exp(
              exact.budgets().stream()
                  .mapToDouble(budget -> Math.log(budget.flops()))
                  .average()
                  .orElseThrow());
      return exact.parameters().at(middle) / law.optimum(middle).parameters() - 1;
    } catch (RefusedException e) {
      return Double.NaN;
    }
  }
}
