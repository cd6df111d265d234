package dev.firesteel.scaling;

import java.util.List;

/**
 * Losses of model sizes at one compute budget, and the parabola through them: {@code L = c0 + c1 x
 * + c2 x^2} with {@code x = log(N / center)}.
 *
 * @param flops the budget: the geometric mean of its runs
 * @param spread largest over smallest budget of its runs
 * @param points from the smallest to the largest size
 * @param center geometric mean of the sizes
 * @param coefficients c0, c1, c2
 * @param shape where the vertex lies
 * @param vertexParameters N at the vertex; NaN if there is no minimum
 * @param vertexLoss loss at the vertex; NaN likewise
 */
public record IsoFlopBudget(
    double flops,
    double spread,
    List<Point> points,
    double center,
    List<Double> coefficients,
    Shape shape,
    double vertexParameters,
    double vertexLoss) {

  /** A size and its loss at the budget. */
  public record Point(double parameters, double loss) {}

  /** Where the minimum of a parabola lies. */
  public enum Shape {
    /** At least two sizes lie on each side of it. */
    INTERIOR,
    /** Only one size lies on one side of it: the runs hardly show that the loss rises again. */
    EDGE,
    /** The parabola has no minimum, or one outside of the sizes. */
    NO_MINIMUM
  }

  /** Copies the lists. */
  public IsoFlopBudget {
    points = List.copyOf(points);
    coefficients = List.copyOf(coefficients);
  }

  /** Sizes that are needed for a parabola and one residual. */
  static final int LEAST_POINTS = 4;

  private static final int EACH_SIDE = 2;

  /**
   * The parabola of least squares.
   *
   * @param points at least {@value #LEAST_POINTS} sizes, in ascending order
   */
  static IsoFlopBudget fit(double flops, double spread, List<Point> points) {
    double center =
        Math.exp(
            points.stream()
                .mapToDouble(point -> Math.log(point.parameters()))
                .average()
                .orElseThrow());
    double[] c = parabola(points, center);
    double vertex = center * Math.exp(-c[1] / (2 * c[2]));
    long below = points.stream().filter(point -> point.parameters() < vertex).count();
    long above = points.size() - below;
    boolean minimum = c[2] > 0 && below > 0 && above > 0;
    return new IsoFlopBudget(
        flops,
        spread,
        points,
        center,
        List.of(c[0], c[1], c[2]),
        !minimum
            ? Shape.NO_MINIMUM
            : below < EACH_SIDE || above < EACH_SIDE ? Shape.EDGE : Shape.INTERIOR,
        minimum ? vertex : Double.NaN,
        minimum ? c[0] - c[1] * c[1] / (4 * c[2]) : Double.NaN);
  }

  /** Solves the normal equations of three unknowns by Gauss's elimination. */
  private static double[] parabola(List<Point> points, double center) {
    double[][] rows = new double[3][4];
    for (Point point : points) {
      double x = Math.log(point.parameters() / center);
      double[] powers = {1, x, x * x};
      for (int i = 0; i < 3; i++) {
        for (int j = 0; j < 3; j++) {
          rows[i][j] += powers[i] * powers[j];
        }
        rows[i][3] += powers[i] * point.loss();
      }
    }
    return SmallLinearSystem.solve(rows);
  }

  /** Loss of a size by the parabola. */
  public double at(double parameters) {
    double x = Math.log(parameters / center);
    return coefficients.get(0) + x * (coefficients.get(1) + x * coefficients.get(2));
  }

  /** Tokens at the vertex. */
  public double vertexTokens() {
    return flops / (ScalingRun.FLOPS_PER_PARAMETER_AND_TOKEN * vertexParameters);
  }
}
