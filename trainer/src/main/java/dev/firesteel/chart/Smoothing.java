package dev.firesteel.chart;

import dev.firesteel.chart.Curve.Point;
import java.util.ArrayList;
import java.util.List;

/**
 * The mean of a noisy curve around each of its {@code n} points, by weights that fall off
 * exponentially on both sides:
 *
 * <pre>
 * s[t] = sum over u of beta^|t - u| x[u] / sum over u of beta^|t - u|
 * beta = 1 - 2 / (span + 1),  span = max(5, n / 50)
 * </pre>
 *
 * At the last point that is the exponential moving average, corrected for its start. Before it,
 * later points count as much as earlier ones, so that a smoothed curve does not lag.
 */
final class Smoothing {
  private static final int SHORTEST_SPAN = 5;
  private static final int SPANS = 50;
  private static final int TURNING_SHARE = 10;

  private Smoothing() {}

  static List<Point> of(List<Point> points) {
    int count = points.size();
    double beta = 1 - 2 / (Math.max(SHORTEST_SPAN, (double) count / SPANS) + 1);
    double[] sums = new double[count];
    double[] weights = new double[count];
    double sum = 0;
    double weight = 0;
    for (int i = 0; i < count; i++) { // Each point and those before it.
      sum = beta * sum + points.get(i).value();
      weight = beta * weight + 1;
      sums[i] = sum;
      weights[i] = weight;
    }
    sum = 0;
    weight = 0;
    for (int i = count - 1; i >= 0; i--) { // Those after it.
      sums[i] += sum;
      weights[i] += weight;
      sum = beta * (sum + points.get(i).value());
      weight = beta * (weight + 1);
    }
    List<Point> smooth = new ArrayList<>(count);
    for (int i = 0; i < count; i++) {
      smooth.add(new Point(points.get(i).step(), sums[i] / weights[i]));
    }
    return smooth;
  }

  /**
   * Whether a curve goes up and down from point to point: whether more than a tenth of its points
   * are turning points. Of noise two thirds are, of a schedule next to none.
   */
  static boolean isNoisy(List<Point> points) {
    int turns = 0;
    for (int i = 1; i + 1 < points.size(); i++) {
      double before = points.get(i).value() - points.get(i - 1).value();
      double after = points.get(i + 1).value() - points.get(i).value();
      turns += Math.signum(before) * Math.signum(after) < 0 ? 1 : 0;
    }
    return TURNING_SHARE * turns > points.size();
  }
}
