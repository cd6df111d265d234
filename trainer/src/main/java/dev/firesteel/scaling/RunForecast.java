package dev.firesteel.scaling;

import dev.firesteel.random.RandomStream;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;

/**
 * The final loss that a running run heads for: of its evaluations so far the law {@code L(D) = E +
 * A D^-p}, extrapolated to the tokens at its end. The interval holds the 95 % of forecasts that the
 * noise of the evaluations allows, by refits to the law with resampled errors.
 *
 * <p>The law knows nothing of the schedule: while the learning rate is high, losses are above what
 * its decay will still gain. So a forecast of a run with a long decay is an upper bound until the
 * decay has begun.
 *
 * @param loss expected at the end, nats per token
 * @param low 2.5th percentile
 * @param high 97.5th percentile
 * @param evaluations that were fitted
 */
public record RunForecast(double loss, double low, double high, int evaluations) {
  /** An evaluation of a run. */
  public record Evaluation(double tokens, double loss) {}

  private static final int LEAST = 6;

  /** Evaluations before this share of the tokens so far are of the warm-up. */
  private static final double SKIPPED = 0.1;

  private static final double LOW_POWER = 0.02;
  private static final double HIGH_POWER = 2;
  private static final int POWERS = 30;
  private static final int REFINEMENTS = 25;
  private static final double GOLDEN = (Math.sqrt(5) - 1) / 2;
  private static final int RESAMPLES = 400;
  private static final double TAIL = 0.025;

  /** {@code E + A D^-p}. */
  private record Curve(double irreducible, double a, double power, double squares) {
    double at(double tokens) {
      return irreducible + a * Math.pow(tokens, -power);
    }
  }

  /**
   * The forecast.
   *
   * @param evaluations in the order of tokens
   * @param finalTokens at the end of the run
   * @param seed of the resamples
   * @return empty with fewer than six evaluations after the first tenth of the tokens
   */
  public static Optional<RunForecast> of(
      List<Evaluation> evaluations, double finalTokens, long seed) {
    if (evaluations.isEmpty()) {
      return Optional.empty();
    }
    double now = evaluations.get(evaluations.size() - 1).tokens();
    List<Evaluation> used =
        evaluations.stream().filter(one -> one.tokens() >= SKIPPED * now).toList();
    if (used.size() < LEAST) {
      return Optional.empty();
    }
    double[] share = used.stream().mapToDouble(one -> one.tokens() / finalTokens).toArray();
    double[] loss = used.stream().mapToDouble(Evaluation::loss).toArray();
    double[][] powers = powers(share);
    Curve curve = fit(powers, share, loss);
    double[] fitted = new double[loss.length];
    double[] errors = new double[loss.length];
    // Three constants are fitted: errors are smaller than the noise by this factor.
    double inflation = Math.sqrt((double) loss.length / (loss.length - 3));
    for (int i = 0; i < loss.length; i++) {
      fitted[i] = curve.at(share[i]);
      errors[i] = inflation * (loss[i] - fitted[i]);
    }
    double mean = Arrays.stream(errors).average().orElseThrow();
    double[] ends = new double[RESAMPLES];
    double[] resampled = new double[loss.length];
    for (int resample = 0; resample < RESAMPLES; resample++) {
      RandomStream random = RandomStream.of(seed, "run forecast", resample);
      for (int i = 0; i < loss.length; i++) {
        resampled[i] = fitted[i] + errors[random.nextInt(loss.length)] - mean;
      }
      ends[resample] =
          fit(powers, share, resampled).at(1) + errors[random.nextInt(loss.length)] - mean;
    }
    Arrays.sort(ends);
    double expected = curve.at(1);
    return Optional.of(
        new RunForecast(
            expected,
            Math.min(expected, Estimate.quantile(ends, TAIL)),
            Math.max(expected, Estimate.quantile(ends, 1 - TAIL)),
            loss.length));
  }

  private static double power(int index) {
    return LOW_POWER * Math.pow(HIGH_POWER / LOW_POWER, index / (POWERS - 1.0));
  }

  /** {@code D^-p} of each power of the grid and each evaluation. */
  private static double[][] powers(double[] share) {
    double[][] powers = new double[POWERS][share.length];
    for (int p = 0; p < POWERS; p++) {
      for (int i = 0; i < share.length; i++) {
        powers[p][i] = Math.pow(share[i], -power(p));
      }
    }
    return powers;
  }

  /**
   * The power with the least squares, E and A at least 0: the best of the grid's, and then the best
   * between its neighbours by golden sections.
   */
  private static Curve fit(double[][] powers, double[] share, double[] loss) {
    Curve best = null;
    int at = 0;
    for (int p = 0; p < POWERS; p++) {
      Curve curve = line(powers[p], loss, power(p));
      if (best == null || curve.squares() < best.squares()) {
        best = curve;
        at = p;
      }
    }
    double low = power(Math.max(0, at - 1));
    double high = power(Math.min(POWERS - 1, at + 1));
    for (int i = 0; i < REFINEMENTS; i++) {
      Curve first = line(share, loss, high - GOLDEN * (high - low), new double[share.length]);
      Curve second = line(share, loss, low + GOLDEN * (high - low), new double[share.length]);
      if (first.squares() <= second.squares()) {
        high = second.power();
        best = first.squares() < best.squares() ? first : best;
      } else {
        low = first.power();
        best = second.squares() < best.squares() ? second : best;
      }
    }
    return best;
  }

  private static Curve line(double[] share, double[] loss, double power, double[] x) {
    for (int i = 0; i < x.length; i++) {
      x[i] = Math.pow(share[i], -power);
    }
    return line(x, loss, power);
  }

  private static Curve line(double[] x, double[] y, double power) {
    double meanX = Arrays.stream(x).average().orElseThrow();
    double meanY = Arrays.stream(y).average().orElseThrow();
    double xx = 0;
    double xy = 0;
    double rawXx = 0;
    double rawXy = 0;
    for (int i = 0; i < x.length; i++) {
      xx += (x[i] - meanX) * (x[i] - meanX);
      xy += (x[i] - meanX) * (y[i] - meanY);
      rawXx += x[i] * x[i];
      rawXy += x[i] * y[i];
    }
    double a = Math.max(0, xy / xx);
    double irreducible = meanY - a * meanX;
    if (irreducible < 0) {
      irreducible = 0;
      a = rawXy / rawXx;
    }
    double squares = 0;
    for (int i = 0; i < x.length; i++) {
      double error = y[i] - irreducible - a * x[i];
      squares += error * error;
    }
    return new Curve(irreducible, a, power, squares);
  }
}
