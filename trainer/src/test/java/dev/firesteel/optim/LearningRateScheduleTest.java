package dev.firesteel.optim;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import dev.firesteel.config.OptimizerConfig;
import dev.firesteel.config.ScheduleConfig;
import dev.firesteel.config.ScheduleConfig.Kind;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

class LearningRateScheduleTest {
  private static final OptimizerConfig OPTIMIZER = new OptimizerConfig(2, 0.9, 0.95, 1e-8, 0.1);

  /** Peak 2, lowest 0.2, warm-up of 10 in 110 steps. */
  private static LearningRateSchedule schedule(Kind kind, int decay) {
    return LearningRateSchedule.of(OPTIMIZER, new ScheduleConfig(kind, 10, decay, 0.1), 110);
  }

  @ParameterizedTest
  @EnumSource(Kind.class)
  void warmUpRisesFromTheFirstStepToThePeak(Kind kind) {
    LearningRateSchedule schedule = schedule(kind, 50);

    assertThat(schedule.at(0)).isEqualTo(0.2);
    assertThat(schedule.at(4)).isEqualTo(1.0);
    assertThat(schedule.at(9)).isEqualTo(2.0);
    assertThat(schedule.at(10)).isEqualTo(2.0);
  }

  @Test
  void withoutWarmUpTheFirstStepHasThePeak() {
    ScheduleConfig config = new ScheduleConfig(Kind.COSINE, 0, 10, 0.1);

    assertThat(LearningRateSchedule.of(OPTIMIZER, config, 10).at(0)).isEqualTo(2.0);
  }

  @Test
  void constantStaysAtThePeak() {
    assertThat(schedule(Kind.CONSTANT, 0).at(1_000_000)).isEqualTo(2.0);
  }

  @Test
  void linearFallsEvenlyToTheLowest() {
    LearningRateSchedule schedule = schedule(Kind.LINEAR, 100);

    assertThat(schedule.at(11)).isEqualTo(0.2 + 1.8 * 0.99, within(1e-15));
    assertThat(schedule.at(60)).isEqualTo(1.1, within(1e-15));
    assertThat(schedule.at(110)).isEqualTo(0.2);
    assertThat(schedule.at(500)).isEqualTo(0.2);
  }

  @Test
  void cosineFallsAlongHalfAWave() {
    LearningRateSchedule schedule = schedule(Kind.COSINE, 100);

    assertThat(schedule.at(35)).isEqualTo(0.2 + 0.9 * (1 + Math.sqrt(0.5)), within(1e-15));
    assertThat(schedule.at(60)).isEqualTo(1.1, within(1e-15));
    assertThat(schedule.at(85)).isEqualTo(0.2 + 0.9 * (1 - Math.sqrt(0.5)), within(1e-15));
    assertThat(schedule.at(110)).isEqualTo(0.2);
    assertThat(schedule.at(500)).isEqualTo(0.2);
  }

  @Test
  void wsdStaysAndThenFallsWithTheRunsEnd() {
    LearningRateSchedule schedule = schedule(Kind.WSD, 20);

    assertThat(schedule.at(90)).isEqualTo(2.0);
    assertThat(schedule.at(91)).isEqualTo(0.2 + 1.8 * 0.95, within(1e-15));
    assertThat(schedule.at(100)).isEqualTo(1.1, within(1e-15));
    assertThat(schedule.at(110)).isEqualTo(0.2);
  }

  @Test
  void decayOfNoStepsIsAtTheLowestAfterTheWarmUp() {
    assertThat(schedule(Kind.LINEAR, 0).at(11)).isEqualTo(0.2);
  }
}
