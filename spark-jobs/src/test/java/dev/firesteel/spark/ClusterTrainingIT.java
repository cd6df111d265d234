package dev.firesteel.spark;

import static org.assertj.core.api.Assertions.assertThat;

import dev.firesteel.spark.FaultInjection.Fault;
import dev.firesteel.train.RankPhase;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/**
 * Training on two executors of a real cluster, whose processes are killed, stopped and made to
 * fail: the weights and losses are those of one process that was left alone.
 */
class ClusterTrainingIT {
  private static final int STEPS = 20;

  @TempDir private static Path folder;

  private static TinyTraining runs;
  private static SparkCluster cluster;
  private static Path faults;

  /** Of one process, without any fault. */
  private static Map<String, String> undisturbed;

  @BeforeAll
  static void trainUndisturbed() throws Exception {
    runs = TinyTraining.in(folder, STEPS);
    TinyTraining.Ended ended = runs.run("undisturbed");
    assertThat(ended.exitCode()).as(ended.err()).isZero();
    undisturbed = runs.numbers("undisturbed");
    faults = FaultInjection.jar(folder.resolve("faults.jar"));
    cluster = SparkCluster.start(2, 1600);
  }

  @AfterAll
  static void endCluster() {
    runs.endProcesses();
    if (cluster != null) {
      cluster.close();
    }
  }

  @Test
  void twoExecutorsGiveTheBitsOfOneProcess() throws Exception {
    SparkCluster.Outcome outcome = submit("two", List.of());

    assertThat(outcome.exitCode()).as(outcome.err()).isZero();
    assertThat(outcome.out()).contains("2 trainers", "step 20/20");
    assertThat(runs.numbers("two")).isEqualTo(undisturbed);
  }

  @ParameterizedTest
  @CsvSource({
    "EXCEPTION, 1, COMPUTE, 7",
    "SIGKILL, 0, REDUCE_SCATTER, 12",
    "HALT, 1, ALL_GATHER, 3",
    "SIGSTOP, 1, CHECKPOINT, 10",
    "OUT_OF_MEMORY, 0, COMMIT, 15",
    "HALT, 0, RENDEZVOUS, 0",
    "SLOW, 1, ALL_GATHER, 19",
  })
  void aFaultLeavesNoTraceInTheNumbers(Fault fault, int rank, RankPhase phase, long step)
      throws Exception {
    String name = "%s-%d-%s-%d".formatted(fault, rank, phase, step);
    Path happened = folder.resolve(name + ".happened");
    FaultInjection.Plan plan = new FaultInjection.Plan(fault, rank, phase, step, happened);

    SparkCluster.Outcome outcome = submit(name, List.of(plan.option()));

    assertThat(happened).as("the fault was injected").exists();
    assertThat(outcome.exitCode()).as(outcome.err() + outcome.out()).isZero();
    if (fault != Fault.SLOW) {
      assertThat(outcome.out()).contains("Generation 1 ended: rank " + rank);
    }
    assertThat(runs.numbers(name)).isEqualTo(undisturbed);
  }

  @Test
  void aKilledDriversRunGoesOnWhenItIsSubmittedAgain() throws Exception {
    Process driver = cluster.submitting("killed", options(List.of()), arguments("killed"));
    runs.awaitCheckpoints("killed", driver);

    driver.destroyForcibly().waitFor();

    assertThat(runs.lastStep("killed")).as("killed in mid-run").isLessThan(STEPS);
    SparkCluster.Outcome again = submit("killed", List.of());
    assertThat(again.exitCode()).as(again.err()).isZero();
    assertThat(again.out()).contains("Resuming at step ");
    assertThat(runs.numbers("killed")).isEqualTo(undisturbed);
  }

  private static SparkCluster.Outcome submit(String name, List<String> executorOptions)
      throws Exception {
    return cluster.submit(options(executorOptions), arguments(name), TinyTraining.LIMIT);
  }

  private static List<String> arguments(String name) {
    return runs.arguments(name, "cluster.trainers=2", "cluster.silence_seconds=5");
  }

  private static List<String> options(List<String> executorOptions) {
    List<String> options = new ArrayList<>();
    options.addAll(List.of("--executor-memory", "600m", "--executor-cores", "1"));
    options.addAll(List.of("--conf", "spark.executorEnv.OMP_NUM_THREADS=1"));
    // Beside the job jar, whose classes it needs: the class path of executors is above that.
    options.addAll(List.of("--jars", faults.toString()));
    options.addAll(
        List.of("--conf", "spark.executor.extraJavaOptions=" + String.join(" ", executorOptions)));
    return options;
  }
}
