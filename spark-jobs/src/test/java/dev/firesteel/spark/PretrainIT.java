package dev.firesteel.spark;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.file.Path;
import java.util.Map;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/**
 * {@code pretrain} as a user starts it, in a process of its own: the bits of a run do not depend on
 * threads, nor on how it was ended and resumed.
 */
class PretrainIT {
  private static final int STEPS = 60;

  @TempDir private static Path folder;

  private static TinyTraining runs;

  /** The undisturbed run that all others are compared with. */
  private static Map<String, String> undisturbed;

  @BeforeAll
  static void trainUndisturbed() throws Exception {
    runs = TinyTraining.in(folder, STEPS);
    TinyTraining.Ended ended = runs.run("undisturbed", "compute.threads=2");
    assertThat(ended.exitCode()).as(ended.err()).isZero();
    assertThat(ended.out())
        .contains("step 60/60", "validation loss", "bits per byte", "Sample at step 60:\nline")
        .contains("tokens/s", " left");
    assertThat(ended.err()).as("warnings").isEmpty();
    assertThat(folder.resolve("runs/undisturbed/report.html")).isNotEmptyFile();
    assertThat(folder.resolve("runs/undisturbed/loss.png")).isNotEmptyFile();
    undisturbed = runs.result("undisturbed");
  }

  @AfterEach
  void endProcesses() {
    runs.endProcesses();
  }

  @Test
  void aKilledRunResumesOnOneThreadToTheBitsOfTwo() throws Exception {
    Process process = runs.start("killed", "compute.threads=2");
    runs.awaitCheckpoints("killed", process);

    process.destroyForcibly().waitFor(); // SIGKILL

    assertThat(process.exitValue()).isEqualTo(137);
    assertThat(runs.lastStep("killed")).as("killed in mid-run").isLessThan(STEPS);
    TinyTraining.Ended resumed = runs.run("killed", "compute.threads=1");
    assertThat(resumed.exitCode()).as(resumed.err()).isZero();
    assertThat(resumed.out()).contains("Resuming at step ");
    assertThat(runs.result("killed")).isEqualTo(undisturbed);
  }

  @Test
  void aTerminatedRunCheckpointsEndsWith130AndResumesToTheSameBits() throws Exception {
    Process process = runs.start("terminated", "compute.threads=2");
    runs.awaitCheckpoints("terminated", process);

    process.destroy(); // SIGTERM

    TinyTraining.Ended ended = runs.await("terminated", process);
    assertThat(ended.exitCode()).as(ended.err()).isEqualTo(130);
    assertThat(ended.out()).contains("Interrupted at step ");
    long step = runs.lastStep("terminated");
    assertThat(ended.out()).contains("Interrupted at step " + step + ";");
    assertThat(runs.run("terminated", "compute.threads=2").exitCode()).isZero();
    assertThat(runs.result("terminated")).isEqualTo(undisturbed);
  }

  @Test
  void aFinishedRunSaysSoAndStaysAsItIs() throws Exception {
    TinyTraining.Ended again = runs.run("undisturbed", "compute.threads=2");

    assertThat(again.exitCode()).as(again.err()).isZero();
    assertThat(again.out()).contains("The run is already complete: all 60 steps are done");
    assertThat(runs.result("undisturbed")).isEqualTo(undisturbed);
  }

  @Test
  void aRunOfAnotherModelIsRefusedAndStaysAsItIs() throws Exception {
    TinyTraining.Ended refused = runs.run("undisturbed", "model.layers=3");

    assertThat(refused.exitCode()).isEqualTo(2);
    assertThat(refused.err()).startsWith("firesteel: ").contains("model.layers").hasLineCount(1);
    assertThat(runs.result("undisturbed")).isEqualTo(undisturbed);
  }
}
