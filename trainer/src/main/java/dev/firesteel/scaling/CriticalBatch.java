package dev.firesteel.scaling;

import dev.firesteel.scaling.RefusedException.Reason;
import java.util.TreeSet;

/**
 * The critical batch size (McCandlish et al. 2018, arXiv:1812.06162): of the runs that reach one
 * loss, S steps of B tokens, {@code (S / Smin - 1)(E / Emin - 1) = 1} with {@code E = S B}. With a
 * batch of {@code Emin / Smin} tokens a run takes twice the least steps and twice the least tokens.
 *
 * @param leastSteps Smin, with an unlimited batch
 * @param leastTokens Emin, with an unlimited number of steps
 */
public record CriticalBatch(double leastSteps, double leastTokens) {
  private static final int LEAST_BATCHES = 3;

  /** Emin / Smin, in tokens. */
  public double tokens() {
    return leastTokens / leastSteps;
  }

  /** Steps to the loss with a batch: {@code Smin + Emin / B}. */
  public double steps(double batchTokens) {
    return leastSteps + leastTokens / batchTokens;
  }

  /**
   * The fit to runs that all reached the same loss. The curve is {@code S = Smin + Emin / B}, which
   * is linear in both constants; they are those with the least squares of relative errors.
   *
   * @throws RefusedException without the columns, or with fewer than three batch sizes, or if fewer
   *     steps are taken with smaller batches
   */
  public static CriticalBatch fit(RunTable table) throws RefusedException {
    if (!table.has(ScalingRun::steps) || !table.has(ScalingRun::batchTokens)) {
      throw new RefusedException(
          Reason.NO_COLUMN,
          "the critical batch size needs the columns steps and batch_tokens, got none: name them with --column");
    }
    TreeSet<Double> batches = new TreeSet<>();
    double[][] rows = new double[2][3];
    for (ScalingRun run : table.runs()) {
      batches.add(run.batchTokens());
      double[] x = {1 / run.steps(), 1 / (run.batchTokens() * run.steps())};
      for (int i = 0; i < 2; i++) {
        for (int j = 0; j < 2; j++) {
          rows[i][j] += x[i] * x[j];
        }
        rows[i][2] += x[i];
      }
    }
    if (batches.size() < LEAST_BATCHES) {
      throw new RefusedException(
          Reason.TOO_FEW_RUNS,
          "the critical batch size needs at least %d batch sizes, got %d: run more of them to the same loss"
              .formatted(LEAST_BATCHES, batches.size()));
    }
    double[] solved = SmallLinearSystem.solve(rows);
    if (!(solved[0] > 0) || !(solved[1] > 0)) {
      throw new RefusedException(
          Reason.NO_INTERIOR_MINIMUM,
          "the critical batch size needs runs on both sides of it, got steps that %s: add %s batches"
              .formatted(
                  solved[0] > 0 ? "hardly depend on the batch" : "only fall with the batch",
                  solved[0] > 0 ? "smaller" : "larger"));
    }
    return new CriticalBatch(solved[0], solved[1]);
  }

  /**
   * The simple noise scale {@code tr(Sigma) / |G|^2} from squared norms of the gradient at two
   * batch sizes (McCandlish et al. 2018, appendix A.1), in the unit of the batch sizes:
   *
   * <pre>
   * |G|^2     = (Bbig |Gbig|^2 - Bsmall |Gsmall|^2) / (Bbig - Bsmall)
   * tr(Sigma) = (|Gsmall|^2 - |Gbig|^2) / (1 / Bsmall - 1 / Bbig)
   * </pre>
   *
   * Both are unbiased; take means of the squared norms over many steps first, not of the quotient.
   *
   * @return NaN if the noise hides the gradient, so that {@code |G|^2} is not above 0
   */
  public static double noiseScale(
      double smallBatch, double smallSquaredNorm, double bigBatch, double bigSquaredNorm) {
    if (!(smallBatch > 0) || !(bigBatch > smallBatch)) {
      throw new IllegalArgumentException(
          "the noise scale needs batch sizes with 0 < small < big, got %s and %s"
              .formatted(smallBatch, bigBatch));
    }
    double squaredNorm =
        (bigBatch * bigSquaredNorm - smallBatch * smallSquaredNorm) / (bigBatch - smallBatch);
    double trace = (smallSquaredNorm - bigSquaredNorm) / (1 / smallBatch - 1 / bigBatch);
    return squaredNorm > 0 ? trace / squaredNorm : Double.NaN;
  }
}
