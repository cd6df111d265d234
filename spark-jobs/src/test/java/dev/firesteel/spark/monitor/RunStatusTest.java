package dev.firesteel.spark.monitor;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import com.fasterxml.jackson.databind.JsonNode;
import dev.firesteel.spark.monitor.Curve.Point;
import dev.firesteel.spark.monitor.RunSnapshot.Attempt;
import dev.firesteel.spark.monitor.RunSnapshot.RankState;
import dev.firesteel.spark.monitor.RunSnapshot.State;
import dev.firesteel.spark.rpc.JsonLines;
import dev.firesteel.train.EvaluationResult;
import dev.firesteel.train.RankStep;
import dev.firesteel.train.StepMetrics;
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
    assertThat(empty.now().loss()).isNaN();
    assertThat(empty.now().checkpointStep()).isEqualTo(-1);
    assertThat(empty.now().secondsLeft()).isNaN();
    assertThat(empty.json().at("/now/loss").isNull()).isTrue();
  }

  @Test
  void followsARunFromItsPlanToItsEnd() {
    status.attemptStarted(1, 2);
    status.onStart(plan("one", 0, 100));
    status.onEvaluation(0, new EvaluationResult(6, 9, 1000));
    status.onStep(step(0, Double.NaN, Double.NaN));
    clock.advance(Duration.ofSeconds(10));
    status.onStep(step(20, 4.5, 1000));
    status.onCheckpoint(20, "file:/runs/one/checkpoints/step-20");

    RunSnapshot running = status.snapshot();
    assertThat(running.state()).isEqualTo(State.TRAINING);
    assertThat(running.now().step()).isEqualTo(20);
    assertThat(running.now().tokens()).isEqualTo(20 * 512);
    assertThat(running.now().loss()).isEqualTo(4.5);
    assertThat(running.now().tokensPerSecond()).isEqualTo(1000);
    assertThat(running.now().validationLoss()).isEqualTo(6);
    assertThat(running.now().checkpointStep()).isEqualTo(20);
    assertThat(running.now().attempt()).isEqualTo(1);
    assertThat(running.now().worldSize()).isEqualTo(2);
    // 20 steps took 10 seconds.
    assertThat(running.now().secondsLeft()).isEqualTo(40, within(1e-9));
    assertThat(running.loss()).containsExactly(new Point(20, 4.5));
    assertThat(running.validationLoss()).containsExactly(new Point(0, 6));
    assertThat(running.tokensPerSecond()).containsExactly(new Point(20, 1000));

    status.onEnd(TrainingOutcome.COMPLETED, 100);
    assertThat(status.snapshot().state()).isEqualTo(State.COMPLETED);
    assertThat(status.numbers().secondsLeft()).isZero();
  }

  @Test
  void timeLeftIsAtThePaceOfThisPlanAlone() {
    status.onStart(plan("one", 60, 100));
    clock.advance(Duration.ofSeconds(4));
    status.onStep(step(80, 3, 1000));
    clock.advance(Duration.ofHours(1));

    assertThat(status.numbers().secondsLeft()).isEqualTo(4, within(1e-9));
  }

  @Test
  void aNextAttemptDoesAgainWhatWasLost() {
    status.attemptStarted(1, 2);
    status.onStart(plan("one", 0, 100));
    for (int i = 1; i <= 50; i++) {
      status.onStep(step(i, 100 - i, 1000));
    }
    status.onEvaluation(30, new EvaluationResult(4, 6, 1000));
    status.onEvaluation(50, new EvaluationResult(3, 5, 1000));
    status.rankReported(report(1, 10, 0));
    clock.advance(Duration.ofSeconds(5));
    status.attemptEnded(50, "rank 1 on b was lost");
    assertThat(status.snapshot().state()).isEqualTo(State.STOPPED);

    status.attemptStarted(2, 1);
    status.onStart(plan("one", 40, 100));

    RunSnapshot resumed = status.snapshot();
    assertThat(resumed.state()).isEqualTo(State.TRAINING);
    assertThat(resumed.now().step()).isEqualTo(40);
    assertThat(resumed.now().attempt()).isEqualTo(2);
    assertThat(resumed.loss()).hasSize(40).endsWith(new Point(40, 60));
    assertThat(resumed.validationLoss()).containsExactly(new Point(30, 4));
    assertThat(resumed.now().validationLoss()).as("of step 50").isNaN();
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
    status.onStart(plan("one", 0, 100));
    status.onStep(step(100, 4, 1000));
    status.onCheckpoint(100, "one");
    status.onNotice("of one");
    status.onEnd(TrainingOutcome.COMPLETED, 100);

    status.attemptStarted(1, 1);
    assertThat(status.snapshot().state()).isEqualTo(State.PREPARING);
    status.onStart(plan("two", 0, 100));

    RunSnapshot other = status.snapshot();
    assertThat(other.state()).isEqualTo(State.TRAINING);
    assertThat(other.loss()).isEmpty();
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
    status.onStart(plan("one", 0, 1_000_000));
    for (int i = 1; i <= 20_000; i++) {
      status.onStep(step(i, 1, 1));
      status.onCheckpoint(i, "step " + i);
      status.onNotice("notice " + i);
    }

    RunSnapshot snapshot = status.snapshot();
    assertThat(snapshot.loss())
        .hasSizeBetween(RunStatus.MOST_POINTS / 2, RunStatus.MOST_POINTS + 1)
        .endsWith(new Point(20_000, 1));
    assertThat(snapshot.checkpoints()).hasSize(RunStatus.MOST_ENTRIES);
    assertThat(snapshot.notices()).hasSize(RunStatus.MOST_ENTRIES).endsWith("notice 20000");
  }

  @Test
  void reportsTellTheHosts() {
    status.attemptStarted(1, 2);
    assertThat(status.snapshot().attempts().get(0).fromStep()).isEqualTo(-1);
    status.onStart(plan("one", 60, 100));
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
    status.onStart(plan("one", 0, 100));
    status.onStep(step(10, 4.5, 1000));
    status.rankReported(report(0, 100, 20));

    JsonNode json = status.snapshot().json();

    assertThat(json.at("/state").asText()).isEqualTo("TRAINING");
    assertThat(json.at("/plan/tokens_per_step").asLong()).isEqualTo(512);
    assertThat(json.at("/taken").asText()).isEqualTo(BEGIN.toString());
    assertThat(json.at("/now/tokens_per_second").asDouble()).isEqualTo(1000);
    assertThat(json.at("/now/allocated_bytes_per_step").asDouble()).isEqualTo(2048);
    assertThat(json.at("/now/gc_millis").asDouble()).isEqualTo(1.5);
    assertThat(json.at("/ranks/0/allocated_bytes").asDouble()).isEqualTo(4096);
    assertThat(json.at("/now/validation_loss").isNull()).isTrue();
    assertThat(json.at("/loss/0/value").asDouble()).isEqualTo(4.5);
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
        run, "file:/runs/" + run, "cpu", 2, 1_000_000, fromStep, steps, 512, 4, 100_000, 1000);
  }

  static StepMetrics step(long step, double loss, double tokensPerSecond) {
    return new StepMetrics(
        step, step * 512, loss, 1e-3, 0.5, tokensPerSecond, 10, 2048, 1.5, false, null);
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
