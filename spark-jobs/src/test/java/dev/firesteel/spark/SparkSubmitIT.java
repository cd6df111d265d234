package dev.firesteel.spark;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class SparkSubmitIT {
  private static final Duration LIMIT = Duration.ofMinutes(4);

  private static SparkCluster cluster;

  @BeforeAll
  static void startCluster() throws Exception {
    cluster = SparkCluster.start(2, 1024);
  }

  @AfterAll
  static void nothingIsLeftBehind() {
    List<ProcessHandle> processes = cluster.running();
    Path folder = cluster.folder();

    cluster.close();

    assertThat(processes).isNotEmpty().noneMatch(ProcessHandle::isAlive);
    assertThat(Files.exists(folder)).isFalse();
  }

  @Test
  void doctorReportsFromTheExecutors() throws Exception {
    SparkCluster.Outcome outcome =
        cluster.submit(
            List.of("--executor-memory", "512m", "--conf", "spark.executorEnv.OMP_NUM_THREADS=1"),
            List.of("doctor"),
            LIMIT);

    assertThat(outcome.exitCode()).as(outcome.err()).isZero();
    assertThat(outcome.out())
        .contains("Executors on ", "OMP_NUM_THREADS=1", "master spark://127.0.0.1:")
        .contains(" float lanes")
        .containsPattern("ok +file names +UTF-8")
        .contains("OpenCL");
  }

  /** Needs classes and a native library that only the job jar brings. */
  @Test
  void anExecutorTrainsOnAnOpenClDevice(@TempDir Path folder) throws Exception {
    assumeTrue(OpenClSupport.hasOnly(device -> true), "needs an OpenCL device; see .ci/run");
    TinyTraining runs = TinyTraining.in(folder, 5);

    SparkCluster.Outcome outcome =
        cluster.submit(
            List.of("--executor-memory", "768m", "--conf", "spark.executorEnv.OMP_NUM_THREADS=1"),
            runs.arguments("opencl", "compute.backend=opencl", "compute.tune=false"),
            LIMIT);

    assertThat(outcome.exitCode()).as(outcome.err()).isZero();
    assertThat(outcome.out()).contains(", opencl: ", "Done: 5 steps");
  }

  /** Its {@code main} returns: what still runs then would keep the process. */
  @Test
  void aDriverInTheClusterEnds() throws Exception {
    List<String> options = new ArrayList<>(List.of("--deploy-mode", "cluster"));
    options.addAll(List.of("--conf", "spark.standalone.submit.waitAppCompletion=true"));
    options.addAll(List.of("--driver-memory", "512m", "--executor-memory", "512m"));
    // A worker does not open the JDK's modules to a driver, as it does to executors.
    options.addAll(
        List.of("--driver-java-options", "@" + SparkCluster.built("firesteel.jvm.options")));

    SparkCluster.Outcome outcome = cluster.submit(options, List.of("doctor"), LIMIT);

    assertThat(outcome.exitCode()).as(outcome.err()).isZero();
    assertThat(outcome.err()).contains("is FINISHED");
  }

  /** Spark's own worker opens no module to it, and nothing can do so later. */
  @Test
  void aDriverInTheClusterWithoutOpenModulesIsRefusedWithTheLineToAdd() throws Exception {
    SparkCluster.Outcome outcome =
        cluster.submit(
            List.of(
                "--deploy-mode",
                "cluster",
                "--driver-memory",
                "512m",
                "--conf",
                "spark.standalone.submit.waitAppCompletion=true"),
            List.of("doctor"),
            LIMIT);

    assertThat(outcome.err()).contains("is FAILED");
    assertThat(cluster.driverErrors())
        .contains("firesteel: Spark needs java.base/", "--driver-java-options \"")
        .doesNotContain("a bug in Firesteel");
  }

  @Test
  void executorsThatCannotStartEndWithTheClustersReason() throws Exception {
    Path text = Files.writeString(cluster.folder().resolve("text.txt"), "a line of text\n");

    SparkCluster.Outcome outcome =
        cluster.submit(
            List.of("--conf", "spark.executor.extraJavaOptions=--add-modules=no.such.module"),
            List.of(
                "prepare",
                "data.source=" + text,
                "data.path=" + cluster.folder().resolve("data"),
                "tokenizer.kind=byte"),
            LIMIT);

    assertThat(outcome.exitCode()).as(outcome.err()).isEqualTo(1);
    assertThat(outcome.err())
        .containsPattern(
            "firesteel: executors cannot start: [0-9]+ in a row failed, the last on 127.0.0.1:[0-9]+"
                + " by \"Command exited with code 1\": see work/app-[0-9-]+/[0-9]+/stderr there")
        .doesNotContain("a bug in Firesteel");
  }

  @Test
  void aMistakeEndsWithItsSentenceAndCode() throws Exception {
    SparkCluster.Outcome outcome = cluster.submit(List.of(), List.of("docter"), LIMIT);

    assertThat(outcome.exitCode()).isEqualTo(2);
    assertThat(outcome.err())
        .contains("firesteel: unknown command \"docter\", the nearest is \"doctor\"")
        .doesNotContain("\tat ");
  }
}
