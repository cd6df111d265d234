package dev.firesteel.spark.monitor;

import static org.assertj.core.api.Assertions.assertThat;

import com.codahale.metrics.MetricRegistry;
import dev.firesteel.metrics.Measures;
import dev.firesteel.metrics.Metric;
import dev.firesteel.metrics.Unit;
import dev.firesteel.train.RankStep;
import dev.firesteel.train.TrainingEvent;
import java.util.concurrent.atomic.AtomicReference;
import org.junit.jupiter.api.Test;

class RunGaugesTest {
  private final MetricRegistry registry = new MetricRegistry();

  @Test
  void theDriverHasTheRun() {
    RunStatus status = new RunStatus();
    RunGauges gauges = RunGauges.onDriver(registry, status);
    assertThat(value("run.step")).isZero();
    assertThat(registry.getNames()).doesNotContain("run.loss");
    assertThat(value("run.checkpoint_step")).isEqualTo(-1);

    Metric reward = Metric.of("reward", "reward", Unit.NONE);
    status.onEvent(new TrainingEvent.Started(RunStatusTest.plan("one", 0, 100)));
    status.onEvent(RunStatusTest.step(7, 3.5, 900));
    status.onEvent(new TrainingEvent.Evaluated(7, Measures.of(reward, -2)));
    status.onEvent(new TrainingEvent.CheckpointCommitted(6, "somewhere"));
    status.metrics().forEach(gauges::heardOf);
    status.metrics().forEach(gauges::heardOf);

    assertThat(value("run.step")).isEqualTo(7);
    assertThat(value("run.steps")).isEqualTo(100);
    assertThat(value("run.tokens")).isEqualTo(7 * 512);
    assertThat(value("run.loss")).isEqualTo(3.5);
    assertThat(value("run.tokens_per_second")).isEqualTo(900);
    assertThat(value("run.allocated_bytes_per_step")).isEqualTo(2048);
    assertThat(value("run.gc_ms")).isEqualTo(1.5);
    assertThat(value("run.checkpoint_step")).isEqualTo(6);
    assertThat(value("run.reward")).isEqualTo(-2);

    status.onEvent(new TrainingEvent.Started(RunStatusTest.plan("two", 0, 100)));

    assertThat(value("run.reward")).isNaN();
  }

  @Test
  void aMetricDoesNotReplaceAGaugeOfTheRun() {
    RunStatus status = new RunStatus();
    RunGauges gauges = RunGauges.onDriver(registry, status);
    status.onEvent(
        new TrainingEvent.Evaluated(1, Measures.of(Metric.of("steps", "steps", Unit.NONE), 7)));
    status.metrics().forEach(gauges::heardOf);
    assertThat(value("run.steps")).isZero();
  }

  @Test
  void aRankOfAnEarlierAttemptIsNoLongerKnown() {
    RunStatus status = new RunStatus();
    RunGauges gauges = RunGauges.onDriver(registry, status);
    status.attemptStarted(1, 1);
    status.rankReported(new RankReport("4", measured()));
    gauges.heardOf(2);
    gauges.heardOf(2);
    assertThat(value("ranks.2.step_millis")).isEqualTo(100);
    assertThat(value("ranks.2.straggler")).isZero();
    assertThat(value("ranks.2.allocated_bytes")).isEqualTo(4096);

    status.attemptStarted(2, 1);

    assertThat(value("ranks.2.step_millis")).isNaN();
  }

  @Test
  void anExecutorHasWhatItsRankMeasuredLast() {
    AtomicReference<RankStep> last = new AtomicReference<>();
    RunGauges.onExecutor(registry, last);
    assertThat(value("trainer.step_millis")).isNaN();

    last.set(measured());

    assertThat(value("trainer.rank")).isEqualTo(2);
    assertThat(value("trainer.step")).isEqualTo(7);
    assertThat(value("trainer.step_millis")).isEqualTo(100);
    assertThat(value("trainer.compute_millis")).isEqualTo(80);
    assertThat(value("trainer.communication_millis")).isEqualTo(40);
    assertThat(value("trainer.wait_millis")).isEqualTo(20);
    assertThat(value("trainer.overlap_share")).isEqualTo(0.5);
    assertThat(value("trainer.gc_millis")).isEqualTo(3);
    assertThat(value("trainer.allocated_bytes")).isEqualTo(4096);
  }

  private static RankStep measured() {
    return new RankStep(2, "host", 7, 100, 40, 20, 80, 3, 4096, 1);
  }

  private double value(String name) {
    return (Double) registry.getGauges().get(name).getValue();
  }
}
