package dev.firesteel.stage;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import dev.firesteel.example.Example;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;

class CalibrationTest {
  private static final Example PAIR = TinyStage.answers("a", "b", "c");

  /** Margins whose confidence is 0.75, three right of four: nothing is wrong with it. */
  @Test
  void confidenceThatIsAsOftenRightHasNoError() {
    double margin = Math.log(3);
    double[] scores = {margin, 0, margin, 0, 0, margin, margin, 0};
    Calibration calibration = Calibration.of(scores, List.of(PAIR, PAIR, PAIR, PAIR));
    assertThat(calibration.pairs()[5]).isEqualTo(4);
    assertThat(calibration.confidence()[5]).isCloseTo(0.75, within(1e-12));
    assertThat(calibration.accuracy()[5]).isEqualTo(0.75);
    assertThat(calibration.error()).isCloseTo(0, within(1e-12));
  }

  @Test
  void theErrorIsTheMeanOverPairs() {
    double sure = 20;
    double[] scores = {0, sure, sure, 0, sure, 0, 1e-9, 0};
    Calibration calibration = Calibration.of(scores, List.of(PAIR, PAIR, PAIR, PAIR));
    assertThat(calibration.pairs()[9]).isEqualTo(3);
    // Three pairs: confidence 1, two thirds right; one pair: confidence 0.5, right.
    assertThat(calibration.error()).isCloseTo(0.75 / 3 + 0.25 / 2, within(1e-6));
  }

  @Test
  void aRankingCountsAllItsPairs() {
    Example ranking = TinyStage.answers("a", "b", "c", "d");
    Calibration calibration = Calibration.of(new double[] {3, 2, 1, 5, 4}, List.of(ranking, PAIR));
    int pairs = 0;
    for (int one : calibration.pairs()) {
      pairs += one;
    }
    assertThat(pairs).isEqualTo(4);
    assertThat(calibration.rightShare()).isEqualTo(1);
    assertThat(Calibration.of(new double[0], new ArrayList<>()).error()).isZero();
  }

  /** 8 of 10: a published example of the interval, 0.490 to 0.943. */
  @Test
  void theIntervalIsWilsons() {
    assertThat(Calibration.wilson(0.8, 10))
        .containsExactly(new double[] {0.4902, 0.9433}, within(1e-4));
    assertThat(Calibration.wilson(1, 5)[1]).isCloseTo(1, within(1e-12));
    assertThat(Calibration.wilson(0, 5)[0]).isCloseTo(0, within(1e-12));
    double[] many = Calibration.wilson(0.5, 10_000);
    assertThat(many[1] - many[0]).isCloseTo(2 * 1.96 * 0.005, within(1e-4));
  }
}
