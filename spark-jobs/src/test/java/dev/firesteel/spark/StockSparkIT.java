package dev.firesteel.spark;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/**
 * The job jar on a distribution of Spark that is not ours, with its own scripts: a master and a
 * worker on the loopback device. Runs where {@code -Dfiresteel.stock.spark=DIR} names one, see
 * docs/cluster.md.
 */
class StockSparkIT {
  private static final Duration LIMIT = Duration.ofMinutes(8);
  private static final int STEPS = 400;
  private static final Pattern LINE_TO_ADD = Pattern.compile("--driver-java-options \"([^\"]+)\"");

  @TempDir private static Path folder;
  private static Path stock;
  private static SparkCluster cluster;
  private static TinyTraining runs;

  @BeforeAll
  static void startCluster() throws Exception {
    String given = System.getProperty("firesteel.stock.spark", "");
    assumeTrue(!given.isEmpty(), "needs -Dfiresteel.stock.spark=DIR, a distribution of Spark 4.2");
    stock = Path.of(given).toAbsolutePath();
    assertThat(stock.resolve("bin/spark-submit")).isExecutable();
    cluster = SparkCluster.ofDistribution(stock, 2, 2048);
    runs = TinyTraining.in(folder, STEPS);
  }

  @AfterAll
  static void stopCluster() {
    if (cluster != null) {
      runs.endProcesses();
      cluster.close();
    }
  }

  @Test
  void theSparkOfOtherTestsHasNoJarThatTheDistributionLacks() throws IOException {
    assertThat(artifacts(SparkCluster.built("firesteel.spark.home")))
        .contains("spark-core_2.13")
        .isSubsetOf(artifacts(stock));
  }

  @Test
  void theJobJarSharesNoClassWithTheDistribution() throws IOException {
    assertThat(JobJarIT.classesInBoth(stock)).isEmpty();
  }

  @Test
  void doctor() throws Exception {
    SparkCluster.Outcome outcome = cluster.submit(executors(1), List.of("doctor"), LIMIT);

    assertThat(outcome.exitCode()).as(outcome.err()).isZero();
    assertThat(outcome.out()).contains("oneDNN", "OpenCL", "master spark://127.0.0.1:");
  }

  @Test
  void twoExecutorsOneOfThemKilledTrainToTheBitsOfOneProcess() throws Exception {
    TinyTraining.Ended undisturbed = runs.run("undisturbed");
    assertThat(undisturbed.exitCode()).as(undisturbed.err()).isZero();

    Process submitted = cluster.submitting("killed", executors(2), runs.arguments("killed"));
    runs.awaitCheckpoints("killed", submitted);
    ProcessHandle executor =
        cluster.running().stream()
            .filter(each -> each.info().commandLine().orElse("").contains("GrainedExecutorBackend"))
            .findFirst()
            .orElseThrow();
    executor.destroyForcibly(); // SIGKILL

    SparkCluster.Outcome outcome = cluster.await(submitted, "killed", LIMIT);
    assertThat(outcome.exitCode()).as(outcome.err()).isZero();
    assertThat(outcome.out())
        .contains("2 trainers of cpu", "Attempt 1 ended: ", "Resuming at step ")
        .contains("Done: " + STEPS + " steps");
    assertThat(runs.numbers("killed")).isEqualTo(runs.numbers("undisturbed"));
  }

  @Test
  void anOpenClDeviceTrains() throws Exception {
    assumeTrue(OpenClSupport.hasOnly(device -> true), "needs an OpenCL device; see .ci/run");

    SparkCluster.Outcome outcome =
        cluster.submit(
            executors(1),
            runs.arguments(
                "opencl", "training.steps=5", "compute.backend=opencl", "compute.tune=false"),
            LIMIT);

    assertThat(outcome.exitCode()).as(outcome.err()).isZero();
    assertThat(outcome.out()).contains(", opencl: ", "Done: 5 steps");
  }

  /** First without the line that the refusal names, then with it. */
  @Test
  void aDriverInTheClusterTrainsWithTheLineThatItsRefusalNames() throws Exception {
    List<String> options = new ArrayList<>(executors(1));
    options.addAll(List.of("--deploy-mode", "cluster", "--driver-memory", "512m"));
    options.addAll(List.of("--conf", "spark.standalone.submit.waitAppCompletion=true"));
    List<String> arguments = runs.arguments("in-cluster", "training.steps=5");

    SparkCluster.Outcome refused = cluster.submit(options, arguments, LIMIT);
    assertThat(refused.err()).contains("is FAILED");
    Matcher line = LINE_TO_ADD.matcher(cluster.driverErrors());
    assertThat(line.find()).as(cluster.driverErrors()).isTrue();

    options.addAll(List.of("--driver-java-options", line.group(1)));
    SparkCluster.Outcome outcome = cluster.submit(options, arguments, LIMIT);
    assertThat(outcome.err()).contains("is FINISHED");
    assertThat(runs.lastStep("in-cluster")).isEqualTo(5);
  }

  @Test
  void executorsThatCannotStartEndWithTheClustersReason() throws Exception {
    List<String> options = new ArrayList<>(executors(1));
    options.addAll(
        List.of("--conf", "spark.executor.extraJavaOptions=--add-modules=no.such.module"));

    SparkCluster.Outcome outcome = cluster.submit(options, List.of("doctor"), LIMIT);

    assertThat(outcome.exitCode()).isEqualTo(1);
    assertThat(outcome.err())
        .contains("firesteel: executors cannot start: ", "by \"Command exited with code 1\"");
  }

  /** One side has the secret and the other has not. */
  @Test
  void aMasterThatDoesNotTakeTheApplicationIsNamed() throws Exception {
    List<String> options = new ArrayList<>(executors(1));
    options.addAll(List.of("--conf", "spark.authenticate=true"));
    options.addAll(List.of("--conf", "spark.authenticate.secret=of-the-driver-alone"));

    SparkCluster.Outcome outcome = cluster.submit(options, List.of("doctor"), LIMIT);

    assertThat(outcome.exitCode()).isEqualTo(1);
    assertThat(outcome.err())
        .contains("firesteel: no master accepted the application at spark://127.0.0.1:");
  }

  private static List<String> executors(int count) {
    return List.of(
        "--total-executor-cores",
        Integer.toString(count),
        "--executor-cores",
        "1",
        "--executor-memory",
        "700m",
        "--conf",
        "spark.executorEnv.OMP_NUM_THREADS=1");
  }

  /** Names without versions, since those of a later Spark 4.2 differ. */
  private static Set<String> artifacts(Path sparkHome) throws IOException {
    try (Stream<Path> jars = Files.list(sparkHome.resolve("jars"))) {
      return jars.map(jar -> jar.getFileName().toString())
          .filter(name -> name.endsWith(".jar"))
          .map(name -> name.replaceFirst("-[0-9][0-9.]*.*", ""))
          .collect(Collectors.toSet());
    }
  }
}
