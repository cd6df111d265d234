package dev.firesteel.spark;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.time.Instant;
import java.util.List;
import java.util.Map;
import java.util.function.BooleanSupplier;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/**
 * A run whose cluster loses a machine and gets another: it goes on with fewer trainers, then with
 * more, to the numbers of one process that was left alone.
 */
class ElasticTrainingIT {
  private static final int STEPS = 300;

  /** In which a new executor registers, and the driver finds it; else the run ends as it is. */
  private static final long FOUND_MILLIS = 12_000;

  @TempDir private static Path folder;

  @Test
  void shrinksWhenAWorkerIsLostAndGrowsWhenAnotherComes() throws Exception {
    TinyTraining runs = TinyTraining.in(folder, STEPS);
    TinyTraining.Ended alone = runs.run("alone", "sample.max_tokens=0");
    assertThat(alone.exitCode()).as(alone.err()).isZero();
    Map<String, String> undisturbed = runs.numbers("alone");

    // So that there is time to lose a machine, and to find another.
    FaultInjection.Plan hold =
        new FaultInjection.Plan(
            FaultInjection.Fault.HOLD, 0, "COMPUTE", 25, folder.resolve("elastic.happened"));
    Path faults = FaultInjection.jar(folder.resolve("faults.jar"));
    try (SparkCluster cluster = SparkCluster.start(1, 800)) {
      Process lost = cluster.addWorker("lost", 1, 800);
      Process driver =
          cluster.submitting(
              "elastic",
              List.of(
                  "--executor-memory",
                  "600m",
                  "--executor-cores",
                  "1",
                  "--jars",
                  faults.toString(),
                  "--conf",
                  "spark.executor.extraJavaOptions=" + hold.option()),
              runs.arguments(
                  "elastic",
                  "sample.max_tokens=0",
                  "checkpoint.every=10",
                  "cluster.wait_seconds=10",
                  "cluster.grow_seconds=1"));
      await(driver, cluster, () -> Files.exists(hold.happened()));

      // The whole machine: the worker first, that it starts no other executor.
      List<ProcessHandle> executors = lost.descendants().toList();
      lost.destroyForcibly().waitFor();
      executors.forEach(ProcessHandle::destroyForcibly);
      await(driver, cluster, () -> cluster.text("elastic.out").contains("Resuming at step "));
      Process other = cluster.addWorker("other", 1, 800);
      await(driver, cluster, () -> other.descendants().findAny().isPresent());
      Thread.sleep(FOUND_MILLIS);
      Files.createFile(hold.go());

      SparkCluster.Outcome outcome = cluster.await(driver, "elastic", TinyTraining.LIMIT);
      assertThat(outcome.exitCode()).as(outcome.err()).isZero();
      assertThat(executors).isNotEmpty();
      assertThat(outcome.out())
          .containsSubsequence(
              "2 trainers of ",
              "Attempt 1 ended: rank ",
              "Resuming at step ",
              "There is room for more trainers",
              "2 trainers of ",
              "step 300/300",
              "Done: 300 steps")
          // The first attempt saved itself to grow; the run was not interrupted.
          .doesNotContain("Interrupted at step");
      assertThat(runs.numbers("elastic")).isEqualTo(undisturbed);
    } finally {
      runs.endProcesses();
    }
  }

  private static void await(Process driver, SparkCluster cluster, BooleanSupplier so)
      throws InterruptedException {
    Instant limit = Instant.now().plus(Duration.ofMinutes(2));
    while (!so.getAsBoolean()) {
      assertThat(driver.isAlive()).as(() -> cluster.text("elastic.err")).isTrue();
      assertThat(Instant.now()).isBefore(limit);
      Thread.sleep(100);
    }
  }
}
