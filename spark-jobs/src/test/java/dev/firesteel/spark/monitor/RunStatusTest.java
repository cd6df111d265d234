package dev.firesteel.spark.monitor;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import com.fasterxml.jackson.databind.JsonNode;
import dev.firesteel.chart.Curve.Point;
import dev.firesteel.metrics.Headline;
import dev.firesteel.metrics.Measures;
import dev.firesteel.metrics.Metric;
import dev.firesteel.metrics.Metrics;
import dev.firesteel.metrics.Unit;
import dev.firesteel.spark.monitor.RunSnapshot.Attempt;
import dev.firesteel.spark.monitor.RunSnapshot.RankState;
import dev.firesteel.spark.monitor.RunSnapshot.State;
import dev.firesteel.spark.rpc.JsonLines;
import dev.firesteel.train.RankStep;
import dev.firesteel.train.TrainingEvent;
import dev.firesteel.train.TrainingOutcome;
import dev.firesteel.train.TrainingPlan;
import java.time.Clock;
import java.time.Duration;
import java.time.Instant;
import java.time.ZoneId;
import java.time.ZoneOffset;
import java.util.List;
import org.junit.jupiter.api.Test;

class RunStatusTest {
  private static final Instant BEGIN = Instant.parse("2026-01-02T03:04:05Z");

  private final SetClock clock = new SetClock();
  private final RunStatus status = new RunStatus(clock);

  @Test
  void knowsNothingBeforeARun() {
    RunSnapshot empty = status.snapshot();
    assertThat(empty.state()).isEqualTo(State.PREPARING);
    assertThat(empty.plan()).isNull();
    assertThat(empty.now().step()).isZero();
    assertThat(empty.now().metric("loss")).isNaN();
    assertThat(empty.now().checkpointStep()).isEqualTo(-1);
    assertThat(empty.now().secondsLeft()).isNaN();
    assertThat(empty.json().at("/now/metrics").size()).isZero();
    assertThat(empty.json().at("/now/seconds_left").isNull()).isTrue();
  }

  @Test
  void followsARunFromItsPlanToItsEnd() {
    status.attemptStarted(1, 2);
    status.onEvent(new TrainingEvent.Started(plan("one", 0, 100)));
    status.onEvent(evaluated(0, 6, 9));
    status.onEvent(step(0, Double.NaN, Double.NaN));
    clock.advance(Duration.ofSeconds(10));
    status.onEvent(step(20, 4.5, 1000));
    status.onEvent(new TrainingEvent.CheckpointCommitted(20, "file:/runs/one/checkpoints/step-20"));

    RunSnapshot running = status.snapshot();
    assertThat(running.state()).isEqualTo(State.TRAINING);
    assertThat(running.now().step()).isEqualTo(20);
    assertThat(running.now().tokens()).isEqualTo(20 * 512);
    assertThat(running.now().metric("loss")).isEqualTo(4.5);
    assertThat(running.now().metric("tokens_per_second")).isEqualTo(1000);
    assertThat(running.now().metric("val_loss")).isEqualTo(6);
    assertThat(running.now().checkpointStep()).isEqualTo(20);
    assertThat(running.now().attempt()).isEqualTo(1);
    assertThat(running.now().worldSize()).isEqualTo(2);
    // 20 steps took 10 seconds.
    assertThat(running.now().secondsLeft()).isEqualTo(40, within(1e-9));
    assertThat(points(running, "loss")).containsExactly(new Point(20, 4.5));
    assertThat(points(running, "val_loss")).containsExactly(new Point(0, 6));
    assertThat(points(running, "tokens_per_second")).containsExactly(new Point(20, 1000));

    status.onEvent(new TrainingEvent.Ended(TrainingOutcome.COMPLETED, 100));
    assertThat(status.snapshot().state()).isEqualTo(State.COMPLETED);
    assertThat(status.numbers().secondsLeft()).isZero();
  }

  @Test
  void timeLeftIsAtThePaceOfThisPlanAlone() {
    status.onEvent(new TrainingEvent.Started(plan("one", 60, 100)));
    clock.advance(Duration.ofSeconds(4));
    status.onEvent(step(80, 3, 1000));
    clock.advance(Duration.ofHours(1));

    assertThat(status.numbers().secondsLeft()).isEqualTo(4, within(1e-9));
  }

  @Test
  void aNextAttemptDoesAgainWhatWasLost() {
    status.attemptStarted(1, 2);
    status.onEvent(new TrainingEvent.Started(plan("one", 0, 100)));
    for (int i = 1; i <= 50; i++) {
      status.onEvent(step(i, 100 - i, 1000));
    }
    status.onEvent(evaluated(30, 4, 6));
    status.onEvent(evaluated(50, 3, 5));
    status.rankReported(report(1, 10, 0));
    clock.advance(Duration.ofSeconds(5));
    status.attemptEnded(50, "rank 1 on b was lost");
    assertThat(status.snapshot().state()).isEqualTo(State.STOPPED);

    status.attemptStarted(2, 1);
    status.onEvent(new TrainingEvent.Started(plan("one", 40, 100)));

    RunSnapshot resumed = status.snapshot();
    assertThat(resumed.state()).isEqualTo(State.TRAINING);
    assertThat(resumed.now().step()).isEqualTo(40);
    assertThat(resumed.now().attempt()).isEqualTo(2);
    assertThat(points(resumed, "loss")).hasSize(40).endsWith(new Point(40, 60));
    assertThat(points(resumed, "val_loss")).containsExactly(new Point(30, 4));
    assertThat(resumed.now().metric("val_loss")).as("of step 50").isNaN();
    assertThat(resumed.ranks()).isEmpty();
    assertThat(resumed.attempts())
        .containsExactly(
            new Attempt(
                1,
                2,
                List.of("host-1"),
                0,
                BEGIN,
                BEGIN.plusSeconds(5),
                50,
                "rank 1 on b was lost"),
            new Attempt(2, 1, List.of(), 40, BEGIN.plusSeconds(5), null, -1, null));
  }

  @Test
  void anotherRunStartsWithoutWhatTheOneBeforeLeft() {
    status.attemptStarted(1, 1);
    status.onEvent(new TrainingEvent.Started(plan("one", 0, 100)));
    status.onEvent(step(100, 4, 1000));
    status.onEvent(new TrainingEvent.CheckpointCommitted(100, "one"));
    status.notice("of one");
    status.onEvent(new TrainingEvent.Ended(TrainingOutcome.COMPLETED, 100));

    status.attemptStarted(1, 1);
    assertThat(status.snapshot().state()).isEqualTo(State.PREPARING);
    status.onEvent(new TrainingEvent.Started(plan("two", 0, 100)));

    RunSnapshot other = status.snapshot();
    assertThat(other.state()).isEqualTo(State.TRAINING);
    assertThat(other.series()).isEmpty();
    assertThat(other.checkpoints()).isEmpty();
    assertThat(other.notices()).isEmpty();
    assertThat(other.attempts()).hasSize(1);
  }

  @Test
  void aRankIsAStragglerAboveTheFactorTimesTheMedian() {
    status.rankReported(report(0, 100, 50));
    status.rankReported(report(1, 90, 60));
    status.rankReported(report(2, 121, 29));
    status.rankReported(report(3, 120, 30));

    List<RankState> ranks = status.snapshot().ranks();
    // The lower of the two in the middle: 100.
    assertThat(ranks).extracting(RankState::straggler).containsExactly(false, false, true, false);
    assertThat(ranks.get(2).computeRatio()).isEqualTo(1.21, within(1e-12));
    assertThat(ranks).extracting(RankState::stepMillis).containsOnly(150.0);
    assertThat(status.numbers().stragglers()).isEqualTo(1);
  }

  @Test
  void oneOfTwoRanksCanBeAStragglerAndOneAloneCannot() {
    status.rankReported(report(0, 500, 0));
    assertThat(status.snapshot().ranks().get(0).straggler()).isFalse();
    assertThat(status.snapshot().ranks().get(0).computeRatio()).isNaN();

    status.rankReported(report(1, 100, 400));
    assertThat(status.snapshot().ranks())
        .extracting(RankState::straggler)
        .containsExactly(true, false);
  }

  @Test
  void aStragglerIsJudgedByItsLastReportsOnly() {
    status.rankReported(report(0, 100, 0));
    status.rankReported(report(1, 1000, 0));
    for (int i = 1; i < RunStatus.RECENT_REPORTS; i++) {
      status.rankReported(report(1, 100, 0));
      assertThat(status.rank(1).orElseThrow().straggler()).as("report %d", i).isTrue();
    }
    status.rankReported(report(1, 100, 0));

    assertThat(status.rank(1).orElseThrow().straggler()).isFalse();
    assertThat(status.rank(1).orElseThrow().computeRatio()).isEqualTo(1);
    assertThat(status.rank(2)).isEmpty();
  }

  @Test
  void memoryIsBounded() {
    status.onEvent(new TrainingEvent.Started(plan("one", 0, 1_000_000)));
    for (int i = 1; i <= 20_000; i++) {
      status.onEvent(step(i, 1, 1));
      status.onEvent(new TrainingEvent.CheckpointCommitted(i, "step " + i));
      status.notice("notice " + i);
    }

    RunSnapshot snapshot = status.snapshot();
    assertThat(points(snapshot, "loss"))
        .hasSizeBetween(RunStatus.MOST_POINTS / 2, RunStatus.MOST_POINTS + 1)
        .endsWith(new Point(20_000, 1));
    assertThat(snapshot.checkpoints()).hasSize(RunStatus.MOST_ENTRIES);
    assertThat(snapshot.notices()).hasSize(RunStatus.MOST_ENTRIES).endsWith("notice 20000");
  }

  @Test
  void metricsAreBoundedToo() {
    status.onEvent(new TrainingEvent.Started(plan("one", 0, 100)));
    for (int i = 1; i <= RunStatus.MOST_METRICS + 10; i++) {
      Metric metric = Metric.of("metric_" + i, "metric", Unit.NONE);
      status.onEvent(new TrainingEvent.Evaluated(1, Measures.of(metric, i)));
    }
    RunSnapshot snapshot = status.snapshot();
    assertThat(snapshot.series()).hasSize(RunStatus.MOST_METRICS);
    assertThat(snapshot.notices()).hasSize(1);
    assertThat(snapshot.notices().get(0)).contains("first 64 metrics", "metric_65");
  }

  @Test
  void showsANumberThatItHasNeverHeardOf() {
    Metric reward = Metric.of("reward", "mean <reward>", Unit.SHARE).in("Rewards");
    status.onEvent(
        new TrainingEvent.Started(
            new TrainingPlan(
                "ppo", "ppo", "runs/ppo", "cpu", 1, 1, 0, 9, 8, 1, 0, 0, Headline.more(reward))));
    status.onEvent(step(1, 4.5, 1000));
    status.onEvent(new TrainingEvent.Evaluated(1, Measures.of(reward, 0.25)));
    status.onEvent(step(2, 4.5, 1000));

    JsonNode json = status.snapshot().json();
    assertThat(json.at("/now/metrics/reward").asDouble()).isEqualTo(0.25);
    assertThat(json.at("/series/7").toString())
        .isEqualTo(
            "{\"key\":\"reward\",\"label\":\"mean <reward>\",\"unit\":\"\",\"chart\":\"Rewards\",\"points\":[{\"step\":1,\"value\":0.25}]}");
    assertThat(RunHtml.of(status.snapshot()))
        .contains(" &middot; mean &lt;reward&gt; 0.2500 &middot; ")
        .contains("<td>Mean &lt;reward&gt;</td><td>0.2500, at step 1</td>")
        .containsSubsequence("<svg", "aria-label=\"Rewards over", "<svg", "aria-label=\"Loss over")
        .doesNotContain("epochs");
  }

  @Test
  void reportsTellTheHosts() {
    status.attemptStarted(1, 2);
    assertThat(status.snapshot().attempts().get(0).fromStep()).isEqualTo(-1);
    status.onEvent(new TrainingEvent.Started(plan("one", 60, 100)));
    status.rankReported(report(1, 100, 20));
    status.rankReported(report(0, 100, 20));
    status.attemptEnded(70, "rank 1 was lost");
    status.rankReported(report(2, 100, 20)); // Too late to belong to it.

    Attempt attempt = status.snapshot().attempts().get(0);
    assertThat(attempt.worldSize()).isEqualTo(2);
    assertThat(attempt.hosts()).containsExactly("host-0", "host-1");
    assertThat(attempt.fromStep()).isEqualTo(60);
  }

  @Test
  void tellsToolsInJson() {
    status.attemptStarted(1, 1);
    status.onEvent(new TrainingEvent.Started(plan("one", 0, 100)));
    status.onEvent(step(10, 4.5, 1000));
    status.rankReported(report(0, 100, 20));

    JsonNode json = status.snapshot().json();

    assertThat(json.at("/state").asText()).isEqualTo("TRAINING");
    assertThat(json.at("/plan/tokens_per_step").asLong()).isEqualTo(512);
    assertThat(json.at("/taken").asText()).isEqualTo(BEGIN.toString());
    assertThat(json.at("/now/metrics/tokens_per_second").asDouble()).isEqualTo(1000);
    assertThat(json.at("/now/metrics/allocated_bytes_per_step").asDouble()).isEqualTo(2048);
    assertThat(json.at("/now/metrics/gc_ms").asDouble()).isEqualTo(1.5);
    assertThat(json.at("/ranks/0/allocated_bytes").asDouble()).isEqualTo(4096);
    assertThat(json.at("/now/metrics/grad_norm").isNull()).as("not finite").isTrue();
    assertThat(json.at("/series/0").toString())
        .isEqualTo(
            "{\"key\":\"loss\",\"label\":\"loss\",\"unit\":\"nats per token\",\"chart\":\"Loss\",\"points\":[{\"step\":10,\"value\":4.5}]}");
    assertThat(json.at("/plan/headline/metric/key").asText()).isEqualTo("val_loss");
    assertThat(json.at("/ranks/0/compute_millis").asDouble()).isEqualTo(100);
    assertThat(json.at("/ranks/0/overlap_share").asDouble()).isEqualTo(0.5);
    assertThat(json.at("/ranks/0/compute_ratio").isNull()).isTrue();
    assertThat(json.at("/attempts/0/ended").isNull()).isTrue();
  }

  @Test
  void aAttemptEndsOnce() {
    assertThatThrownBy(() -> status.attemptEnded(1, "lost"))
        .isInstanceOf(IllegalStateException.class);
    status.attemptStarted(1, 1);
    status.attemptEnded(1, "lost");
    assertThatThrownBy(() -> status.attemptEnded(1, "lost again"))
        .isInstanceOf(IllegalStateException.class)
        .hasMessageContaining("lost again");
  }

  @Test
  void eventsSurviveTheirWayAsJson() {
    Metric reward = Metric.of("reward", "mean reward", Unit.NONE).in("R").offProgressLine();
    for (TrainingEvent event :
        List.of(
            new TrainingEvent.Started(plan("one", 5, 100)),
            step(7, Double.POSITIVE_INFINITY, 1.5),
            new TrainingEvent.StepLogged(0, 0, Measures.none(), true, Measures.of(reward, -1)),
            evaluated(7, Double.NaN, 0.1),
            new TrainingEvent.CheckpointCommitted(7, "file:/x"),
            new TrainingEvent.Sampled(7, "a\n\"b\""),
            new TrainingEvent.StepSkipped(8, Double.NaN, Double.NEGATIVE_INFINITY),
            new TrainingEvent.Notice("line"),
            new TrainingEvent.Ended(TrainingOutcome.INTERRUPTED, 9))) {
      String line = JsonLines.write(event);
      assertThat(JsonLines.read(line, TrainingEvent.class, "a training event")).isEqualTo(event);
    }
  }

  @Test
  void reportsSurviveTheirWayAsJson() {
    RankReport report = report(7, 12.25, 1.5);
    assertThat(JsonLines.read(JsonLines.write(report), RankReport.class, "a rank's report"))
        .isEqualTo(report);
    assertThatThrownBy(
            () ->
                JsonLines.read(
                    "{\"executor\": 1, \"unknown\": 2}", RankReport.class, "a rank's report"))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageContaining("not a rank's report");
  }

  static TrainingPlan plan(String run, long fromStep, long steps) {
    return new TrainingPlan(
        run,
        "pretrain",
        "file:/runs/" + run,
        "cpu",
        2,
        1_000_000,
        fromStep,
        steps,
        512,
        4,
        100_000,
        1000,
        Headline.less(Metrics.VALIDATION_LOSS));
  }

  static TrainingEvent step(long step, double loss, double tokensPerSecond) {
    Measures training =
        Measures.of(Metrics.LOSS, loss)
            .with(Metrics.LEARNING_RATE, 1e-3)
            .with(Metrics.GRADIENT_NORM, Double.NaN)
            .with(Metrics.TOKENS_PER_SECOND, tokensPerSecond)
            .with(Metrics.STEP_MILLIS, 10)
            .with(Metrics.ALLOCATED_BYTES, 2048)
            .with(Metrics.GC_MILLIS, 1.5);
    return new TrainingEvent.StepLogged(step, step * 512, training, false, Measures.none());
  }

  static TrainingEvent evaluated(long step, double loss, double bitsPerByte) {
    return new TrainingEvent.Evaluated(
        step, Measures.of(Metrics.VALIDATION_LOSS, loss).with(Metrics.BITS_PER_BYTE, bitsPerByte));
  }

  private static List<Point> points(RunSnapshot snapshot, String key) {
    return snapshot.series().stream()
        .filter(series -> series.metric().key().equals(key))
        .findFirst()
        .orElseThrow()
        .points();
  }

  private static RankReport report(int rank, double computeMillis, double waitMillis) {
    double step = computeMillis + waitMillis;
    return new RankReport(
        "executor-" + rank,
        new RankStep(
            rank, "host-" + rank, 10, step, 2 * waitMillis, waitMillis, 9, 0.5, 4096, 1 << 20));
  }

  private static final class SetClock extends Clock {
    private Instant now = BEGIN;

    void advance(Duration duration) {
      now = now.plus(duration);
    }

    @Override
    public Instant instant() {
      return now;
    }

    @Override
    public ZoneId getZone() {
      return ZoneOffset.UTC;
    }

    @Override
    public Clock withZone(ZoneId zone) {
      return this;
    }
  }
}
