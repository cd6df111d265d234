package dev.firesteel.spark;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** A cluster whose worker says that it has two GPUs, so that Spark hands out their addresses. */
class SparkDevicesIT {
  private static final Duration LIMIT = Duration.ofMinutes(4);

  @TempDir private static Path folder;
  private static SparkCluster cluster;

  @BeforeAll
  static void startCluster() throws Exception {
    Path discovery = folder.resolve("gpus.sh");
    Files.writeString(
        discovery,
        """
        #!/bin/sh
        echo '{"name": "gpu", "addresses": ["0", "1"]}'
        """);
    Files.setPosixFilePermissions(discovery, PosixFilePermissions.fromString("rwx------"));
    cluster =
        SparkCluster.start(
            2,
            1024,
            Map.of(
                "spark.worker.resource.gpu.amount",
                "2",
                "spark.worker.resource.gpu.discoveryScript",
                discovery.toString()));
    Files.writeString(folder.resolve("text.txt"), "a line of text\n".repeat(200));
  }

  @AfterAll
  static void stopCluster() {
    cluster.close();
  }

  private static SparkCluster.Outcome pretrain(int gpus, String... keys)
      throws IOException, InterruptedException {
    List<String> arguments =
        new ArrayList<>(
            List.of(
                "pretrain",
                "data.source=" + folder.resolve("text.txt"),
                "data.path=" + folder.resolve("data"),
                "runs_folder=" + folder.resolve("runs"),
                "tokenizer.vocabulary_size=270",
                "model.layers=1",
                "model.width=16",
                "model.heads=2",
                "model.context_length=16",
                "training.steps=1",
                "compute.backend=opencl"));
    arguments.addAll(List.of(keys));
    return cluster.submit(
        List.of(
            "--executor-memory",
            "700m",
            "--conf",
            "spark.executor.resource.gpu.amount=" + gpus,
            "--conf",
            "spark.task.resource.gpu.amount=" + gpus),
        arguments,
        LIMIT);
  }

  @ParameterizedTest
  @ValueSource(ints = {1, 2})
  void aTrainerTakesOneOfTheGpusOfItsExecutor(int gpus) throws Exception {
    assumeTrue(
        OpenClSupport.hasOnly(device -> !device.type().equals("GPU")),
        "needs PoCL or the like, and no GPU that would compute");
    SparkCluster.Outcome outcome = pretrain(gpus);
    assertThat(outcome.err())
        .containsPattern(
            "firesteel: gpu:[01] must be one of the GPUs that OpenCL lists on this machine, counted"
                + " from gpu:0, and it lists 0 of them; there are 0: ");
    assertThat(outcome.exitCode()).isEqualTo(1);
  }
}
