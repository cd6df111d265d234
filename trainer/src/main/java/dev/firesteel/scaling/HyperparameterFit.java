package dev.firesteel.scaling;

import dev.firesteel.scaling.RefusedException.Reason;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.TreeSet;
import java.util.function.ToDoubleFunction;
import java.util.stream.Collectors;

/**
 * The learning rate and the batch size with the lowest loss, in the form of Step Law (Li et al.
 * 2025, arXiv:2503.04715): {@code lr = c N^a D^b}, {@code B = c D^b}, by least squares of
 * logarithms through the best run of each cell (N, D). A cell whose best run has the smallest or
 * the largest learning rate or batch size of the cell is left out: its optimum may lie beyond, as
 * it may where all runs of a cell share one learning rate. A batch size that they share is taken as
 * given.
 *
 * @param cells cells that count
 * @param edgeCells cells that were left out
 * @param rateCoefficient c of the learning rate
 * @param rateOfParameters a
 * @param rateOfTokens b
 * @param batchTokens tokens of a step by D
 */
public record HyperparameterFit(
    int cells,
    int edgeCells,
    double rateCoefficient,
    double rateOfParameters,
    double rateOfTokens,
    PowerLaw batchTokens) {
  private static final int LEAST_CELLS = 4;
  private static final double SAME = 0.02;

  /**
   * The fit.
   *
   * @throws RefusedException without the columns, or with fewer than four cells with an optimum
   *     inside
   */
  public static HyperparameterFit fit(RunTable table) throws RefusedException {
    if (!table.has(ScalingRun::learningRate) || !table.has(ScalingRun::batchTokens)) {
      throw new RefusedException(
          Reason.NO_COLUMN,
          "the law of learning rate and batch size needs the columns learning_rate and batch_tokens, got none: name them with --column");
    }
    List<ScalingRun> best = new ArrayList<>();
    int edge = 0;
    for (List<ScalingRun> size : table.bySize()) {
      RunTable one = new RunTable(table.origin(), table.derived(), size);
      for (List<ScalingRun> cell : one.groups(ScalingRun::tokens, SAME)) {
        ScalingRun lowest =
            cell.stream().min(Comparator.comparingDouble(ScalingRun::loss)).orElseThrow();
        TreeSet<Double> batches = values(cell, ScalingRun::batchTokens);
        if (isInside(values(cell, ScalingRun::learningRate), lowest.learningRate())
            && (batches.size() == 1 || isInside(batches, lowest.batchTokens()))) {
          best.add(lowest);
        } else {
          edge++;
        }
      }
    }
    if (best.size() < LEAST_CELLS) {
      throw new RefusedException(
          Reason.NO_INTERIOR_MINIMUM,
          "the law of learning rate and batch size needs at least %d pairs of N and D whose best run has a neighbour with a larger and one with a smaller learning rate (and batch size, where it varies), got %d and %d without: train each pair at several rates, or widen their grid"
              .formatted(LEAST_CELLS, best.size(), edge));
    }
    double[] rate = plane(best);
    if (!Double.isFinite(rate[0])) {
      throw new RefusedException(
          Reason.ONE_RATIO,
          "the law of learning rate needs pairs of N and D that vary independently, got pairs on one line: add runs of other ratios of tokens to parameters");
    }
    return new HyperparameterFit(
        best.size(),
        edge,
        Math.exp(rate[0]),
        rate[1],
        rate[2],
        PowerLaw.fit(
            best.stream().mapToDouble(ScalingRun::tokens).toArray(),
            best.stream().mapToDouble(ScalingRun::batchTokens).toArray()));
  }

  private static TreeSet<Double> values(List<ScalingRun> cell, ToDoubleFunction<ScalingRun> value) {
    return cell.stream().map(value::applyAsDouble).collect(Collectors.toCollection(TreeSet::new));
  }

  private static boolean isInside(TreeSet<Double> values, double at) {
    return at > values.first() && at < values.last();
  }

  /** {@code log lr = x0 + x1 log N + x2 log D} by least squares. */
  private static double[] plane(List<ScalingRun> runs) {
    double meanN = runs.stream().mapToDouble(run -> Math.log(run.parameters())).average().orElse(0);
    double meanD = runs.stream().mapToDouble(run -> Math.log(run.tokens())).average().orElse(0);
    double[][] rows = new double[3][4];
    for (ScalingRun run : runs) {
      double[] x = {1, Math.log(run.parameters()) - meanN, Math.log(run.tokens()) - meanD};
      for (int i = 0; i < 3; i++) {
        for (int j = 0; j < 3; j++) {
          rows[i][j] += x[i] * x[j];
        }
        rows[i][3] += x[i] * Math.log(run.learningRate());
      }
    }
    double[] solved = SmallLinearSystem.solve(rows);
    solved[0] -= solved[1] * meanN + solved[2] * meanD;
    return solved;
  }

  /** The learning rate for a model of N parameters and D tokens. */
  public double learningRate(double parameters, double tokens) {
    return rateCoefficient
        * Math.pow(parameters, rateOfParameters)
        * Math.pow(tokens, rateOfTokens);
  }
}
