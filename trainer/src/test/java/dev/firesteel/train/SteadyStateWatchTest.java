package dev.firesteel.train;

import static org.assertj.core.api.Assertions.assertThat;

import dev.firesteel.collective.ThreadCollective;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class SteadyStateWatchTest {
  private static final double MEGABYTE = 1e6;

  private final List<String> notices = new ArrayList<>();
  private long step;
  private int asked;
  private final SteadyStateWatch watch =
      new SteadyStateWatch(
          this::note,
          () -> {
            asked++;
            return 100;
          });

  @Test
  void saysOnceThatStepsAllocate() {
    for (int i = 0; i < 20; i++) {
      report(20, 150, 150, 3312.5 * MEGABYTE);
    }
    assertThat(notices)
        .containsExactly(
            "This run allocates 3,312.5 MB of Java heap per step, more than the 10 MB of a steady step, and spends 2.0 of 150.0 ms in garbage collection: code was compiled badly in this process, so stop the run and run the same command to resume; if that does not help, report it with a flight recording (docs/performance.md, \"A run that is slow\")");
  }

  @Test
  void saysOnceThatStepsAreSlow() {
    for (int i = 0; i < 20; i++) {
      report(20, 510, 500, 0);
    }
    assertThat(notices)
        .containsExactly(
            "This run computes for 500.0 ms per step, more than 3 times the 100.0 ms that plan predicts for this machine: stop the run and run the same command to resume; if that does not help, compare with ./firesteel plan, and report it with a flight recording (docs/performance.md, \"A run that is slow\")");
  }

  @Test
  void namesTheRankOfSeveral() {
    watch.onStart(ThreadCollective.world(4).get(0));
    for (int i = 0; i < 5; i++) {
      report(20, 150, 150, 11 * MEGABYTE);
    }
    assertThat(notices).hasSize(1);
    assertThat(notices.get(0)).startsWith("Rank 2 on node-2 allocates 11.0 MB");
  }

  @ParameterizedTest
  @CsvSource({
    // step, processor, megabytes
    "150, 150, 9.9",
    "290, 290, 0.1",
    // Other programs hold the processors.
    "3000, 150, 0.1",
    // The JVM counts neither.
    "3000, NaN, NaN",
  })
  void isSilentOtherwise(double stepMillis, double cpuMillis, double megabytes) {
    for (int i = 0; i < 30; i++) {
      report(20, stepMillis, cpuMillis, megabytes * MEGABYTE);
    }
    assertThat(notices).isEmpty();
  }

  @Test
  void warmUpIsNotJudged() {
    report(20, 5000, 5000, 900 * MEGABYTE);
    report(20, 5000, 5000, 900 * MEGABYTE);
    for (int i = 0; i < 30; i++) {
      report(20, 150, 150, MEGABYTE);
    }
    assertThat(notices).isEmpty();
  }

  @Test
  void theMachineIsMeasuredOnceAfterTheWarmUp() {
    report(20, 5000, 5000, 0);
    assertThat(asked).isZero();
    for (int i = 0; i < 30; i++) {
      report(20, 150, 150, 0);
      assertThat(asked).isEqualTo(1);
    }
  }

  @Test
  void oneBadWindowIsNotASteadyState() {
    for (int i = 0; i < 30; i++) {
      boolean bad = i % 3 == 2;
      report(20, 150, bad ? 900 : 150, bad ? 50 * MEGABYTE : 0);
    }
    assertThat(notices).isEmpty();
  }

  @ParameterizedTest
  @CsvSource({
    // logging.every, reports until the notice: the first is not counted, the warm-up is a window.
    "1, 61",
    "5, 13",
    "20, 4",
    "500, 4",
  })
  void windowsDoNotDependOnLogging(int every, int reports) {
    for (int i = 1; i < reports; i++) {
      report(every, 110, 110, 50 * MEGABYTE);
    }
    assertThat(notices).isEmpty();
    report(every, 110, 110, 50 * MEGABYTE);
    assertThat(notices).hasSize(1);
  }

  @Test
  void aWindowOfShortStepsLastsUntilTheyAreCompiled() {
    // 2 s are 400 of these steps.
    for (int i = 0; i < 60; i++) {
      report(20, 5, 5, 50 * MEGABYTE);
    }
    assertThat(notices).isEmpty();
    report(20, 5, 5, 50 * MEGABYTE);
    assertThat(notices).hasSize(1);
  }

  @Test
  void nothingIsExpectedOfAMachineThatWasNotMeasured() {
    SteadyStateWatch unmeasured = new SteadyStateWatch(this::note, () -> Double.NaN);
    for (int i = 1; i < 30; i++) {
      unmeasured.onMeasured(measured(20L * i, 9000, 9000, 0));
    }
    assertThat(notices).isEmpty();
  }

  private void note(TrainingEvent event) {
    notices.add(((TrainingEvent.Notice) event).line());
  }

  private void report(int steps, double stepMillis, double cpuMillis, double bytes) {
    step += steps;
    watch.onMeasured(measured(step, stepMillis, cpuMillis, bytes));
  }

  private static RankStep measured(long step, double stepMillis, double cpuMillis, double bytes) {
    return new RankStep(2, "node-2", step, stepMillis, 0, 0, cpuMillis, 2, bytes, 1 << 20);
  }
}
