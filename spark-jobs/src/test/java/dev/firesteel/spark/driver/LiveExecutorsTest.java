package dev.firesteel.spark.driver;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.firesteel.error.UserException;
import dev.firesteel.spark.driver.LiveExecutors.Executor;
import dev.firesteel.spark.driver.LiveExecutors.Unused;
import java.util.ArrayList;
import java.util.List;
import org.apache.spark.SparkConf;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class LiveExecutorsTest {
  private final SparkConf conf = new SparkConf(false);
  private final List<Executor> live = new ArrayList<>();
  private final LiveExecutors executors = new LiveExecutors(conf, false, () -> live);

  @ParameterizedTest
  @CsvSource({
    // cores of each, trainers, cores of each trainer
    "4 4, 2, 4",
    "4 4 1, 2, 4",
    "4 4 2, 2, 4",
    "4 3 4, 3, 3",
    "1 8 1 1, 1, 8",
    "1, 1, 1",
  })
  void leavesOutExecutorsThatWouldSlowAllDown(String cores, int trainers, int coresOfEach) {
    for (String each : cores.split(" ", -1)) {
      add(Integer.parseInt(each), 0, false);
    }
    assertThat(executors.trainers()).isEqualTo(trainers);
    assertThat(executors.coresPerTrainer()).isEqualTo(coresOfEach);
  }

  @Test
  void leavesOutExecutorsThatSparkHasExcluded() {
    add(4, 0, false);
    add(8, 0, true);
    add(4, 0, false);
    assertThat(executors.trainers()).isEqualTo(2);
    assertThat(executors.coresPerTrainer()).isEqualTo(4);
    assertThat(executors.idleFor(2)).isTrue();
    assertThat(executors.idleFor(3)).isFalse();
  }

  @Test
  void saysWhomItLeavesOut() {
    add(4, 0, false);
    add(1, 0, false);
    add(4, 0, true);
    assertThat(executors.unused())
        .containsExactly(
            new Unused(
                "1",
                "Executor 1 is not used: it has 1 cores, others have 4; set --conf spark.executor.cores to make executors equal"),
            new Unused(
                "2", "Executor 2 is not used: Spark has excluded it because tasks failed there"));
  }

  @Test
  void anExecutorAtWorkHoldsUpNobodyWhoCanDoWithoutIt() {
    add(4, 0, false);
    add(4, 1, false);
    add(4, 0, false);
    assertThat(executors.idleFor(2)).isTrue();
    assertThat(executors.idleFor(3)).isFalse();
  }

  @Test
  void hasATrainerForEachGpu() {
    conf.set(LiveExecutors.GPUS, "2");
    add(4, 0, false);
    add(4, 1, false);
    assertThat(executors.trainers()).isEqualTo(4);
    assertThat(executors.coresPerTrainer()).isEqualTo(2);
    assertThat(executors.idleFor(2)).isTrue();
    assertThat(executors.idleFor(3)).isFalse();
  }

  @Test
  void aRunDoesNotStartOnExecutorsThatDiffer() {
    add(4, 0, false);
    add(3, 0, false);
    executors.requireAlike();
    add(2, 0, false);
    assertThatThrownBy(executors::requireAlike)
        .isInstanceOf(UserException.class)
        .hasMessage(
            "executors must have about the same number of cores to train together, got 2 to 4: give --conf spark.executor.cores=2");
  }

  @Test
  void aProcessOfItsOwnHasOneTrainer() {
    LiveExecutors embedded = new LiveExecutors(conf, true, List::of);
    assertThat(embedded.trainers()).isEqualTo(1);
    assertThat(embedded.idleFor(1)).isTrue();
    assertThat(embedded.unused()).isEmpty();
  }

  private void add(int cores, int activeTasks, boolean excluded) {
    live.add(new Executor(Integer.toString(live.size()), cores, activeTasks, excluded));
  }
}
