package dev.firesteel.scaling;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import dev.firesteel.random.RandomStream;
import dev.firesteel.scaling.RunForecast.Evaluation;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;

class RunForecastTest {
  private static final double FINAL = 1e9;

  /** Evaluations of {@code 2 + 1.5 (D / FINAL)^-0.3 / 10} up to a share of the run. */
  private static List<Evaluation> evaluations(double share, int count, double noise, long seed) {
    RandomStream random = RandomStream.of(seed, "noise");
    List<Evaluation> evaluations = new ArrayList<>();
    for (int i = 1; i <= count; i++) {
      double tokens = share * FINAL * i / count;
      evaluations.add(new Evaluation(tokens, truth(tokens) + noise * random.nextGaussian()));
    }
    return evaluations;
  }

  private static double truth(double tokens) {
    return 2 + 0.15 * Math.pow(tokens / FINAL, -0.3);
  }

  @Test
  void aCurveWithoutNoiseIsExtrapolated() {
    RunForecast forecast = RunForecast.of(evaluations(0.5, 40, 0, 1), FINAL, 7).orElseThrow();
    assertThat(forecast.loss()).isCloseTo(truth(FINAL), within(1e-6));
    assertThat(forecast.high() - forecast.low()).isLessThan(1e-5);
    assertThat(forecast.evaluations()).isEqualTo(37);
  }

  @Test
  void tooFewEvaluationsHaveNoForecast() {
    assertThat(RunForecast.of(List.of(), FINAL, 7)).isEmpty();
    assertThat(RunForecast.of(evaluations(0.5, 5, 0, 1), FINAL, 7)).isEmpty();
    assertThat(RunForecast.of(evaluations(0.5, 6, 0, 1), FINAL, 7)).isPresent();
  }

  @Test
  void theIntervalHoldsTheFinalLossOfMostRuns() {
    double noise = 0.004;
    int trials = 40;
    int inside = 0;
    double early = 0;
    double late = 0;
    for (int trial = 0; trial < trials; trial++) {
      RunForecast forecast =
          RunForecast.of(evaluations(0.5, 40, noise, trial), FINAL, trial).orElseThrow();
      double measured =
          truth(FINAL) + noise * RandomStream.of(trial, "final evaluation").nextGaussian();
      inside += forecast.low() <= measured && measured <= forecast.high() ? 1 : 0;
      early += forecast.high() - forecast.low();
      RunForecast later =
          RunForecast.of(evaluations(0.95, 76, noise, trial), FINAL, trial).orElseThrow();
      late += later.high() - later.low();
    }
    assertThat(inside).isBetween(34, 40);
    assertThat(late).as("a forecast near the end is narrower").isLessThan(0.9 * early);
  }

  @Test
  void aFlatCurveStaysFlatAndIsTheSameForOneSeed() {
    List<Evaluation> flat = new ArrayList<>();
    for (int i = 1; i <= 20; i++) {
      flat.add(new Evaluation(i * 1e7, 3));
    }
    assertThat(RunForecast.of(flat, FINAL, 7).orElseThrow().loss()).isCloseTo(3, within(1e-9));
    List<Evaluation> noisy = evaluations(0.3, 30, 0.01, 5);
    assertThat(RunForecast.of(noisy, FINAL, 7)).isEqualTo(RunForecast.of(noisy, FINAL, 7));
  }
}
