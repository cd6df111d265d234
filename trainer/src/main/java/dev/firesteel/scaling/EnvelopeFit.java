package dev.firesteel.scaling;

import dev.firesteel.scaling.RefusedException.Reason;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.HashSet;
import java.util.List;
import java.util.Set;

/**
 * Chinchilla's approach 1 (Hoffmann et al. 2022, section 3.1): of each model size the loss over the
 * FLOPs, interpolated between its runs on logarithmic axes; at {@value #POINTS} budgets the size
 * with the lowest loss; power laws through these. Where the smallest or the largest size has it,
 * the best size may lie beyond, and the power laws leave these budgets out.
 *
 * @param points the lower envelope, in the order of FLOPs
 * @param parameters {@code N* = coefficient C^exponent}
 * @param tokens {@code D* = coefficient C^exponent}
 * @param sizes model sizes between them that have the lowest loss somewhere
 * @param atEdge share of the envelope that the smallest and the largest size have
 */
public record EnvelopeFit(
    List<Point> points, PowerLaw parameters, PowerLaw tokens, int sizes, double atEdge)
    implements AllocationFit {
  private static final int POINTS = 1500;
  private static final int LEAST_SIZES = 3;

  /**
   * A point of the envelope.
   *
   * @param flops C
   * @param parameters the size with the lowest loss
   * @param loss that loss
   */
  public record Point(double flops, double parameters, double loss) {}

  /** Checks nothing; the list is copied. */
  public EnvelopeFit {
    points = List.copyOf(points);
  }

  /**
   * The fit.
   *
   * @throws RefusedException if fewer than three sizes have several lengths of training, or the
   *     lowest loss
   */
  public static EnvelopeFit fit(RunTable table) throws RefusedException {
    List<List<ScalingRun>> curves = curves(table);
    if (curves.size() < LEAST_SIZES) {
      throw new RefusedException(
          Reason.TOO_FEW_HORIZONS,
          "approach 1 needs at least %d model sizes with 2 lengths of training each, got %d: train each size for several token counts"
              .formatted(LEAST_SIZES, curves.size()));
    }
    double low = Double.POSITIVE_INFINITY;
    double high = 0;
    for (List<ScalingRun> curve : curves) {
      low = Math.min(low, curve.get(0).flops());
      high = Math.max(high, curve.get(curve.size() - 1).flops());
    }
    List<Point> points = new ArrayList<>();
    for (int i = 0; i < POINTS; i++) {
      double flops = low * Math.pow(high / low, i / (POINTS - 1.0));
      Point best = best(curves, flops);
      if (best != null) {
        points.add(best);
      }
    }
    double smallest = curves.get(0).get(0).parameters();
    double largest = curves.get(curves.size() - 1).get(0).parameters();
    List<Point> inside =
        points.stream()
            .filter(point -> point.parameters() > smallest && point.parameters() < largest)
            .toList();
    Set<Double> winners = new HashSet<>();
    inside.forEach(point -> winners.add(point.parameters()));
    if (winners.size() < LEAST_SIZES) {
      throw new RefusedException(
          Reason.TOO_FEW_HORIZONS,
          "approach 1 needs at least %d model sizes between the smallest and the largest that have the lowest loss of some budget, got %d: train more sizes, or over a wider range of budgets"
              .formatted(LEAST_SIZES, winners.size()));
    }
    double[] flops = inside.stream().mapToDouble(Point::flops).toArray();
    double[] sizes = inside.stream().mapToDouble(Point::parameters).toArray();
    double[] tokens =
        inside.stream()
            .mapToDouble(
                point ->
                    point.flops() / (ScalingRun.FLOPS_PER_PARAMETER_AND_TOKEN * point.parameters()))
            .toArray();
    return new EnvelopeFit(
        points,
        PowerLaw.fit(flops, sizes),
        PowerLaw.fit(flops, tokens),
        winners.size(),
        1 - (double) inside.size() / points.size());
  }

  /** Of each size its runs in the order of FLOPs; only sizes with at least two. */
  static List<List<ScalingRun>> curves(RunTable table) {
    List<List<ScalingRun>> curves = new ArrayList<>();
    for (List<ScalingRun> size : table.bySize()) {
      List<ScalingRun> sorted = new ArrayList<>();
      size.stream()
          .sorted(
              Comparator.comparingDouble(ScalingRun::flops).thenComparingDouble(ScalingRun::loss))
          .forEach(
              run -> {
                if (sorted.isEmpty() || run.flops() > sorted.get(sorted.size() - 1).flops()) {
                  sorted.add(run);
                }
              });
      if (sorted.size() >= 2) {
        curves.add(sorted);
      }
    }
    return curves;
  }

  private static Point best(List<List<ScalingRun>> curves, double flops) {
    Point best = null;
    for (List<ScalingRun> curve : curves) {
      double loss = interpolated(curve, flops);
      if (!Double.isNaN(loss) && (best == null || loss < best.loss())) {
        best = new Point(flops, curve.get(0).parameters(), loss);
      }
    }
    return best;
  }

  /** The loss of a size at a budget, or NaN outside of its runs. */
  static double interpolated(List<ScalingRun> curve, double flops) {
    for (int i = 1; i < curve.size(); i++) {
      ScalingRun before = curve.get(i - 1);
      ScalingRun after = curve.get(i);
      if (flops >= before.flops() && flops <= after.flops()) {
        double share = Math.log(flops / before.flops()) / Math.log(after.flops() / before.flops());
        return before.loss() * Math.pow(after.loss() / before.loss(), share);
      }
    }
    return Double.NaN;
  }
}
