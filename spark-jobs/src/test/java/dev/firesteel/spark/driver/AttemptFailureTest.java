package dev.firesteel.spark.driver;

import static org.assertj.core.api.Assertions.assertThat;

import dev.firesteel.collective.CollectiveException;
import dev.firesteel.error.UserException;
import dev.firesteel.spark.driver.RemovedExecutors.Removed;
import dev.firesteel.spark.rpc.AttemptWatch;
import dev.firesteel.spark.rpc.Heartbeat;
import dev.firesteel.spark.rpc.JsonLines;
import dev.firesteel.spark.rpc.Order;
import dev.firesteel.spark.rpc.TrainReport;
import dev.firesteel.train.RankPhase;
import dev.firesteel.train.TrainingOutcome;
import java.time.Duration;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicLong;
import org.junit.jupiter.api.Test;

class AttemptFailureTest {

  private final AttemptWatch watch = new AttemptWatch(2);

  @Test
  void isTheRanksThatFailedByItself() {
    watch.reported(
        TrainReport.failed(rank(0, 6, RankPhase.ALL_GATHER), new CollectiveException("rank 1")));
    watch.reported(
        TrainReport.failed(rank(1, 7, RankPhase.COMPUTE), new IllegalStateException("broken")));
    AttemptFailure failure = find(List.of(new Removed("e0", "gone")));
    assertThat(failure.executorLost()).isFalse();
    assertThat(failure.report().isMistake()).isFalse();
    assertThat(failure.sentence())
        .isEqualTo(
            "rank 1 (host1, executor e1) failed after 7 steps, while computing: IllegalStateException: broken");
  }

  @Test
  void isElseTheLostExecutorWhoseRankHadNotEnded() {
    assertThat(watch.heard(rank(0, 6, RankPhase.ALL_GATHER))).isEqualTo(Order.GO_ON);
    watch.heard(rank(1, 6, RankPhase.ALL_GATHER));
    watch.reported(
        TrainReport.failed(rank(0, 6, RankPhase.ALL_GATHER), new CollectiveException("rank 1")));
    AttemptFailure failure =
        find(List.of(new Removed("other", "idle"), new Removed("e1", "Command exited with 137")));
    assertThat(failure.executorLost()).isTrue();
    assertThat(failure.sentence())
        .isEqualTo(
            "rank 1 (host1, executor e1) was lost after 6 steps, in all-gather: Command exited with 137");
  }

  @Test
  void isElseWhatTheFirstRankSaysOfAnother() {
    watch.reported(
        TrainReport.failed(
            rank(0, 6, RankPhase.REDUCE_SCATTER),
            new CollectiveException("damaged frame from rank 1")));
    AttemptFailure failure = find(List.of());
    assertThat(failure.executorLost()).isFalse();
    assertThat(failure.sentence())
        .isEqualTo(
            "rank 0 (host0, executor e0) gave up after 6 steps, in reduce-scatter: damaged frame from rank 1");
  }

  @Test
  void aRankThatFailsTakesTheOthersAlongAndAStrangerIsTurnedAway() {
    watch.heard(rank(0, 1, RankPhase.COMPUTE));
    watch.reported(TrainReport.failed(rank(1, 1, RankPhase.COMPUTE), new OutOfMemoryError("x")));
    assertThat(watch.heard(rank(0, 1, RankPhase.COMPUTE))).isEqualTo(Order.ABORT);
    watch.order(Order.STOP);
    assertThat(watch.heard(rank(0, 1, RankPhase.COMPUTE))).isEqualTo(Order.ABORT);
    Heartbeat earlier = new Heartbeat(1, 0, "host0", "e9", 5, RankPhase.COMPUTE);
    assertThat(new AttemptWatch(2).heard(earlier)).isEqualTo(Order.ABORT);
  }

  @Test
  void memoryMaySufficeNextTimeAndAMistakeIsMadeAgain() {
    Heartbeat rank = rank(0, 1, RankPhase.COMPUTE);
    assertThat(TrainReport.failed(rank, new OutOfMemoryError("heap")).isMistake()).isFalse();
    assertThat(TrainReport.failed(rank, UserException.failure("no")).isMistake()).isTrue();
    assertThat(TrainReport.ended(rank, TrainingOutcome.COMPLETED).isFailure()).isFalse();
  }

  @Test
  void aRankIsSilentThatWasNotHeardOfForLongAndHasNotEnded() {
    AtomicLong nanoTime = new AtomicLong();
    AttemptWatch moving = new AttemptWatch(2, nanoTime::get);
    moving.heard(rank(0, 1, RankPhase.COMPUTE));
    moving.heard(rank(1, 1, RankPhase.COMPUTE));
    nanoTime.set(TimeUnit.SECONDS.toNanos(11));
    moving.heard(rank(0, 2, RankPhase.COMPUTE));
    assertThat(moving.silent(Duration.ofSeconds(10))).map(Heartbeat::rank).contains(1);
    moving.reported(TrainReport.ended(rank(1, 2, RankPhase.COMPUTE), TrainingOutcome.COMPLETED));
    assertThat(moving.silent(Duration.ofSeconds(10))).isEmpty();
  }

  @Test
  void reportsTravelAsText() {
    TrainReport report =
        JsonLines.read(
            JsonLines.write(
                TrainReport.failed(
                    rank(1, 7, RankPhase.CHECKPOINT), new IllegalStateException("broken"))),
            TrainReport.class,
            "a training report");
    assertThat(report.rank()).isEqualTo(1);
    assertThat(report.last().phase()).isEqualTo(RankPhase.CHECKPOINT);
    assertThat(report.failure()).isEqualTo("IllegalStateException: broken");
    assertThat(report.stackTrace()).contains("reportsTravelAsText");
  }

  private AttemptFailure find(List<Removed> removed) {
    return AttemptFailure.find(watch, Optional.empty(), removed, null);
  }

  private static Heartbeat rank(int rank, long step, RankPhase phase) {
    return new Heartbeat(2, rank, "host" + rank, "e" + rank, step, phase);
  }
}
