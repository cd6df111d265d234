package dev.firesteel.spark;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import dev.firesteel.spark.FaultInjection.Fault;
import dev.firesteel.spark.monitor.TrainingPageTest;
import java.io.File;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.apache.hadoop.fs.FileUtil;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/**
 * Training on two executors of a real cluster, whose processes are killed, stopped and made to
 * fail: the weights and losses are those of one process that was left alone.
 */
class ClusterTrainingIT {
  private static final int STEPS = 20;

  private static final Pattern PAGE = Pattern.compile("(?<=Live page: )http\\S+/(?=firesteel/)");

  private static final Pattern DAMAGED =
      Pattern.compile(
          "firesteel: the checkpoint file (?<file>\\S+) is damaged, it must have (?<required>\\d+) bytes, got (?<got>\\d+): restore it, or delete (?<folder>\\S+) to resume from the previous checkpoint");

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
  void twoExecutorsGiveTheBitsOfOneProcessAndTellHowTheyTrain() throws Exception {
    // After the first report, so that there is time to look at it.
    FaultInjection.Plan hold = fault(Fault.HOLD, 0, "COMPUTE", 12);
    String name = hold.run().getFileName().toString();
    List<String> options = options(List.of(hold.option()));
    options.addAll(List.of("--conf", "spark.ui.enabled=true", "--conf", "spark.ui.port=0"));

    Process driver = cluster.submitting(name, options, arguments(name));
    JsonNode ranks = awaitReports(name, driver, 10);
    List<String> jobs = trainingJobs(name);
    Files.createFile(hold.go());
    SparkCluster.Outcome outcome = cluster.await(driver, name, TinyTraining.LIMIT);

    assertThat(jobs).as("jobs since training began").containsExactly("RUNNING");
    assertThat(ranks).hasSize(2);
    assertThat(ranks.findValuesAsText("executor")).hasSize(2).doesNotHaveDuplicates();
    for (JsonNode rank : ranks) {
      assertThat(rank.get("compute_millis").asDouble()).isPositive();
      assertThat(rank.get("communication_millis").asDouble()).isPositive();
      assertThat(rank.get("overlap_share").asDouble()).isBetween(0.0, 1.0);
      assertThat(rank.get("heap_used_bytes").asLong()).isPositive();
    }
    assertThat(outcome.exitCode()).as(outcome.err()).isZero();
    assertThat(outcome.out())
        .contains("2 trainers", "step 20/20", "validation loss", "Done: 20 steps");
    assertThat(runs.numbers(name)).isEqualTo(undisturbed);
    assertThat(hold.run().resolve("report.html")).isNotEmptyFile();
  }

  /** What the driver's page tells of the ranks, once all have reported that step. */
  private static JsonNode awaitReports(String name, Process driver, long step) throws Exception {
    Instant limit = Instant.now().plus(TinyTraining.LIMIT);
    while (true) {
      assertThat(driver.isAlive()).as(cluster.text(name + ".err")).isTrue();
      assertThat(Instant.now()).isBefore(limit);
      Matcher page = PAGE.matcher(cluster.text(name + ".out"));
      if (page.find()) {
        JsonNode ranks = json(page.group() + "firesteel/json/").get("ranks");
        List<String> steps = ranks.findValuesAsText("step");
        if (steps.size() == 2 && steps.stream().allMatch(Long.toString(step)::equals)) {
          return ranks;
        }
      }
      Thread.sleep(200);
    }
  }

  /** How Spark's jobs stand, of the attempt and after it. */
  private static List<String> trainingJobs(String name) throws Exception {
    Matcher page = PAGE.matcher(cluster.text(name + ".out"));
    assertThat(page.find()).isTrue();
    String api = page.group() + "api/v1/applications/";
    JsonNode jobs = json(api + json(api).get(0).get("id").asText() + "/jobs");
    List<String> states = new ArrayList<>();
    for (JsonNode job : jobs) { // The last one first.
      states.add(job.get("status").asText());
      if (job.path("jobGroup").asText().startsWith("firesteel-attempt-")) {
        return states;
      }
    }
    throw new AssertionError("no job trains: " + jobs);
  }

  private static JsonNode json(String address) throws Exception {
    return new ObjectMapper().readTree(TrainingPageTest.fetch(address));
  }

  /**
   * A fault each for a process that dies, that is silent and that fails, for a damaged frame, for a
   * checkpoint that is unusable, and for a writer that was thought dead; all of them by {@code
   * -Dfiresteel.faults=all}, those of some kinds by their names, as in {@code
   * -Dfiresteel.faults=SLOW,DAMAGE}.
   */
  static List<FaultInjection.Plan> faults() {
    String kinds = System.getProperty("firesteel.faults", "");
    if (kinds.isEmpty()) {
      return List.of(
          fault(Fault.SIGKILL, 0, "REDUCE_SCATTER", 12),
          fault(Fault.SIGSTOP, 1, "CHECKPOINT", 10),
          fault(Fault.OUT_OF_MEMORY, 0, FaultInjection.COMMIT, 15),
          fault(Fault.DAMAGE, 0, "REDUCE_SCATTER", STEPS - 1),
          fault(Fault.TRUNCATE, 1, "REDUCE_SCATTER", STEPS - 1),
          fault(Fault.ZOMBIE, 0, FaultInjection.COMMIT, 10));
    }
    List<FaultInjection.Plan> all = new ArrayList<>();
    for (Fault fault : kinds.equals("all") ? List.of(Fault.values()) : named(kinds)) {
      if (fault != Fault.HOLD) {
        all.addAll(atAllPoints(fault, 0));
        all.addAll(atAllPoints(fault, 1));
      }
    }
    return all;
  }

  private static List<Fault> named(String kinds) {
    return Arrays.stream(kinds.split(",")).map(Fault::valueOf).toList();
  }

  private static List<FaultInjection.Plan> atAllPoints(Fault fault, int rank) {
    return List.of(
        fault(fault, rank, "RENDEZVOUS", 0),
        fault(fault, rank, "REDUCE_SCATTER", 6),
        fault(fault, rank, "ALL_GATHER", 6),
        fault(fault, rank, "CHECKPOINT", 10),
        fault(fault, rank, FaultInjection.COMMIT, 10),
        fault(fault, rank, "REDUCE_SCATTER", STEPS - 1));
  }

  private static FaultInjection.Plan fault(Fault fault, int rank, String point, long step) {
    String name = "%s-%d-%s-%d".formatted(fault, rank, point, step);
    return new FaultInjection.Plan(fault, rank, point, step, folder.resolve(name + ".happened"));
  }

  @ParameterizedTest(allowZeroInvocations = true)
  @MethodSource("faults")
  void aFaultLeavesNoTraceInTheNumbers(FaultInjection.Plan plan) throws Exception {
    String name = plan.run().getFileName().toString();
    if (plan.resumes()) {
      runs.copyWithoutLastCheckpoint("undisturbed", name);
    }

    SparkCluster.Outcome outcome = submit(name, List.of(plan.option()), plan.settings());

    assertThat(plan.happened()).as("the fault was injected").exists();
    if (plan.fault() != Fault.SLOW && !plan.resumes()) {
      assertThat(outcome.out()).containsPattern("Attempt 1 ended: " + plan.sentence());
    }
    if (plan.truncatesCommitted()) {
      deleteAsTold(outcome);
      outcome = submit(name, List.of());
    }
    assertThat(outcome.exitCode()).as(outcome.err() + outcome.out()).isZero();
    if (plan.fault() == Fault.ZOMBIE) {
      assertRefused(plan, outcome);
    }
    assertThat(runs.numbers(name)).isEqualTo(undisturbed);
    assertThat(runs.weights(name)).isEqualTo(runs.weights("undisturbed"));
  }

  /** A run ended by a damaged checkpoint: does what the one sentence about that says. */
  private static void deleteAsTold(SparkCluster.Outcome outcome) throws Exception {
    assertThat(outcome.exitCode()).as(outcome.err() + outcome.out()).isEqualTo(1);
    assertThat(outcome.err()).doesNotContain("\tat dev.firesteel").containsOnlyOnce("firesteel: ");
    Matcher told = DAMAGED.matcher(outcome.err());
    assertThat(told.find()).as(outcome.err()).isTrue();
    long bytes = Files.size(Path.of(told.group("file")));
    assertThat(told.group("got")).isEqualTo(Long.toString(bytes));
    assertThat(told.group("required")).isEqualTo(Long.toString(bytes + 1));
    assertThat(FileUtil.fullyDelete(new File(told.group("folder")))).isTrue();
  }

  /** Policy and value model: rollouts, scores and updates are shared by the executors. */
  @Test
  void ppoOnTwoExecutorsOfWhichOneIsKilledGivesTheBitsOfOneProcess() throws Exception {
    int steps = 6;
    TinyTraining.Ended alone = runs.run("ppo-alone", runs.ppo("ppo-alone", "undisturbed", steps));
    assertThat(alone.exitCode()).as(alone.err()).isZero();

    FaultInjection.Plan kill = fault(Fault.SIGKILL, 1, "REDUCE_SCATTER", 5);
    String name = kill.run().getFileName().toString();
    SparkCluster.Outcome outcome =
        cluster.submit(
            options(List.of(kill.option())),
            runs.ppo(name, "undisturbed", steps, "cluster.trainers=2", "cluster.silence_seconds=5"),
            TinyTraining.LIMIT);

    assertThat(outcome.exitCode()).as(outcome.err() + outcome.out()).isZero();
    assertThat(kill.happened()).as("the fault was injected").exists();
    assertThat(outcome.out()).contains("2 trainers").containsPattern("Attempt 1 ended: rank 1");
    Map<String, String> numbers = runs.numbers(name);
    assertThat(numbers).containsKey("models/value/model.safetensors");
    assertThat(numbers).isEqualTo(runs.numbers("ppo-alone"));
  }

  /** The writer that was left behind tried all it could, and what it completed was not used. */
  private static void assertRefused(FaultInjection.Plan plan, SparkCluster.Outcome outcome)
      throws Exception {
    String refusal =
        "this process belongs to attempt 1 of the run file:%s, attempt 2 has begun: it stops here, and the later attempt resumes from the last checkpoint"
            .formatted(plan.run());
    assertThat(plan.told())
        .hasContent("prepare: %s\nwrite: %s\ncommit: %s".formatted(refusal, refusal, refusal));
    assertThat(outcome.out())
        .contains(
            "Deleted %s/checkpoints/step-%08d, which was completed after a later attempt of the run had begun"
                .formatted(plan.run(), plan.step()));
  }

  @Test
  void aSecuredSparkTrainsToTheSameBits() throws Exception {
    List<String> options = options(List.of());
    // Master and workers of a standalone cluster would need the secret, too.
    options.addAll(List.of("--master", "local-cluster[2,1,1024]"));
    options.addAll(List.of("--conf", "spark.authenticate=true"));
    options.addAll(List.of("--conf", "spark.authenticate.secret=of-the-test"));
    options.addAll(List.of("--conf", "spark.network.crypto.enabled=true"));

    SparkCluster.Outcome outcome =
        cluster.submit(options, arguments("secured"), TinyTraining.LIMIT);

    assertThat(outcome.exitCode()).as(outcome.err()).isZero();
    assertThat(outcome.out()).contains("2 trainers").doesNotContain("Attempt 1 ended");
    assertThat(runs.numbers("secured")).isEqualTo(undisturbed);
  }

  /** Where a rank waits while its driver is killed; all points by {@code all} or {@code HOLD}. */
  static List<FaultInjection.Plan> deathsOfTheDriver() {
    String kinds = System.getProperty("firesteel.faults", "");
    if (kinds.isEmpty()) {
      return List.of(fault(Fault.HOLD, 1, FaultInjection.COMMIT, 10));
    }
    return kinds.equals("all") || named(kinds).contains(Fault.HOLD)
        ? atAllPoints(Fault.HOLD, 0)
        : List.of();
  }

  @ParameterizedTest(allowZeroInvocations = true)
  @MethodSource("deathsOfTheDriver")
  void aKilledDriversRunGoesOnWhenItIsSubmittedAgain(FaultInjection.Plan hold) throws Exception {
    String name = hold.run().getFileName().toString();
    Process driver =
        cluster.submitting(name, options(List.of(hold.option())), arguments(name, hold.settings()));
    Instant limit = Instant.now().plus(TinyTraining.LIMIT);
    while (!Files.exists(hold.happened())) {
      assertThat(driver.isAlive()).as(() -> cluster.text(name + ".err")).isTrue();
      assertThat(Instant.now()).isBefore(limit);
      Thread.sleep(20);
    }

    driver.destroyForcibly().waitFor();

    // Executors end with their driver; the rank that waits does not go on.
    long last = hold.step() == 0 ? -1 : (hold.step() - 1) / 5 * 5;
    assertThat(runs.lastStep(name)).as("killed before the point had passed").isEqualTo(last);
    SparkCluster.Outcome again = submit(name, List.of());
    assertThat(again.exitCode()).as(again.err()).isZero();
    if (last > 0) {
      assertThat(again.out()).contains("Resuming at step " + last);
    }
    assertThat(runs.numbers(name)).isEqualTo(undisturbed);
    assertThat(runs.weights(name)).isEqualTo(runs.weights("undisturbed"));
  }

  private static SparkCluster.Outcome submit(String name, List<String> executorOptions)
      throws Exception {
    return submit(name, executorOptions, List.of());
  }

  private static SparkCluster.Outcome submit(
      String name, List<String> executorOptions, List<String> settings) throws Exception {
    return cluster.submit(options(executorOptions), arguments(name, settings), TinyTraining.LIMIT);
  }

  private static List<String> arguments(String name) {
    return arguments(name, List.of());
  }

  private static List<String> arguments(String name, List<String> settings) {
    List<String> all = new ArrayList<>(List.of("cluster.trainers=2", "cluster.silence_seconds=5"));
    all.addAll(settings);
    return runs.arguments(name, all.toArray(String[]::new));
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
