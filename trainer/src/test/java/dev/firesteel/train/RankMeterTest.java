package dev.firesteel.train;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import org.junit.jupiter.api.Test;

class RankMeterTest {
  private static final long MILLI = 1_000_000;

  private final RankMeter meter = new RankMeter(3, "node-3");

  @Test
  void reportsMeansOfTheStepsSinceTheLastReport() {
    meter.add(100 * MILLI, 40 * MILLI, 10 * MILLI, 80 * MILLI, 0, 1000);
    meter.add(200 * MILLI, 80 * MILLI, 20 * MILLI, 100 * MILLI, 3, 5000);
    RankStep first = meter.report(2);
    meter.add(50 * MILLI, 8 * MILLI, 8 * MILLI, Double.NaN, 0, Double.NaN);
    RankStep second = meter.report(3);

    assertThat(first.rank()).isEqualTo(3);
    assertThat(first.host()).isEqualTo("node-3");
    assertThat(first.step()).isEqualTo(2);
    assertThat(first.stepMillis()).isEqualTo(150);
    assertThat(first.communicationMillis()).isEqualTo(60);
    assertThat(first.waitMillis()).isEqualTo(15);
    assertThat(first.computeMillis()).isEqualTo(135);
    assertThat(first.overlapShare()).isEqualTo(0.75, within(1e-12));
    assertThat(first.heapUsedBytes()).isPositive();
    assertThat(first.cpuMillis()).isEqualTo(90);
    assertThat(first.gcMillis()).isEqualTo(1.5);
    assertThat(first.allocatedBytes()).isEqualTo(3000);
    assertThat(second.stepMillis()).isEqualTo(50);
    assertThat(second.overlapShare()).isZero();
    assertThat(second.cpuMillis()).as("not counted by this JVM").isNaN();
    assertThat(second.gcMillis()).isZero();
    assertThat(second.allocatedBytes()).as("not counted by this JVM").isNaN();
  }

  @Test
  void aRankThatCommunicatesNothingHasNoOverlap() {
    meter.add(MILLI, 0, 0, 0, 0, 0);
    assertThat(meter.report(1).overlapShare()).isNaN();
  }

  @Test
  void waitingForASlowerRankIsNoNegativeOverlap() {
    meter.add(10 * MILLI, 2 * MILLI, 5 * MILLI, 0, 0, 0);
    assertThat(meter.report(1).overlapShare()).isZero();
  }

  @Test
  void refusesAReportOfNoSteps() {
    assertThatThrownBy(() -> meter.report(1))
        .isInstanceOf(IllegalStateException.class)
        .hasMessage("a report needs at least one step since the previous one, got none");
  }
}
