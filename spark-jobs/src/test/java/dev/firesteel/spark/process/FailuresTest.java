package dev.firesteel.spark.process;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.firesteel.error.UserException;
import dev.firesteel.spark.process.Failures.Diagnosis;
import dev.firesteel.spark.rpc.Heartbeat;
import dev.firesteel.spark.rpc.TrainReport;
import dev.firesteel.train.RankPhase;
import java.io.ByteArrayOutputStream;
import java.io.FileNotFoundException;
import java.io.IOException;
import java.io.PrintStream;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.AccessDeniedException;
import java.util.List;
import java.util.Optional;
import org.apache.spark.SparkException;
import org.junit.jupiter.api.Test;

class FailuresTest {
  private static final Heartbeat RANK = new Heartbeat(1, 0, "host", "driver", 7, RankPhase.COMPUTE);

  @Test
  void tooSmallAHeapForSparkIsTheUsersToMend() {
    Failures.Diagnosis diagnosis =
        Failures.diagnose(
            new IllegalArgumentException(
                "[INVALID_DRIVER_MEMORY] System memory 209715200 must be at least 471859200."));
    assertThat(diagnosis.sentence()).startsWith("Spark needs at least 450 MiB of heap, got ");
    assertThat(diagnosis.exitCode()).isEqualTo(Failures.FAILURE);
  }

  @Test
  void aUsersMistakeKeepsItsSentenceAndCode() {
    assertThat(Failures.diagnose(UserException.usage("batch must be positive, got 0")))
        .isEqualTo(new Diagnosis("batch must be positive, got 0", 2));
    assertThat(Failures.diagnose(UserException.failure("shard a.bin is truncated")))
        .isEqualTo(new Diagnosis("shard a.bin is truncated", 1));
  }

  @Test
  void aUsersMistakeIsFoundUnderWhatSparkThrows() {
    var failure =
        new RuntimeException(
            new SparkException(
                "Job aborted due to stage failure", UserException.usage("no such column: text")));

    assertThat(Failures.diagnose(failure)).isEqualTo(new Diagnosis("no such column: text", 2));
  }

  @Test
  void aUsersMistakeIsFoundInTheTextOfAFailedBarrierStage() {
    var failure =
        new SparkException(
            """
            Job aborted due to stage failure: Could not recover from a failed barrier ResultStage. \
            Most recent failure reason: Stage failed because barrier task ResultTask(0, 0) finished \
            unsuccessfully.
            dev.firesteel.error.UserException: checkpoint c is of another model: train anew
            \tat dev.firesteel.Some.method(Some.java:1)
            """);

    assertThat(Failures.diagnose(failure))
        .isEqualTo(new Diagnosis("checkpoint c is of another model: train anew", 1));
  }

  @Test
  void troubleOfTheMachineIsToldInASentence() {
    assertThat(Failures.diagnose(new IOException("/x/y: No space left on device")).sentence())
        .startsWith("the disk is full (/x/y: No space left on device): free space or choose");
    assertThat(
            Failures.diagnose(new UncheckedIOException(new AccessDeniedException("/x/y")))
                .sentence())
        .isEqualTo("permission denied: /x/y");
    assertThat(Failures.diagnose(new IOException("/x/y: Read-only file system")).sentence())
        .isEqualTo("permission denied: /x/y: Read-only file system");
    assertThat(Failures.diagnose(new FileNotFoundException("/x/y (Permission denied)")).sentence())
        .isEqualTo("permission denied: /x/y (Permission denied)");
    assertThat(Failures.diagnose(new FileNotFoundException("/x/y does not exist")).sentence())
        .isEqualTo("file not found: /x/y does not exist");
    assertThat(Failures.diagnose(new OutOfMemoryError("Java heap space")).sentence())
        .startsWith("memory is exhausted (Java heap space): give more");
  }

  @Test
  void anythingElseIsCalledADefect() {
    assertThat(Failures.diagnose(new IllegalStateException("queue is closed\nand more")))
        .isEqualTo(
            new Diagnosis(
                "a bug in Firesteel, please report it (IllegalStateException: queue is closed);"
                    + " run again with --verbose for the stack trace",
                1));
  }

  @Test
  void aFailureOfSparkIsNotCalledADefectOfOurs() {
    assertThat(Failures.diagnose(new SparkException("Master removed our application")).sentence())
        .startsWith("Spark could not finish the work (SparkException: Master removed");
  }

  @Test
  void whatFailsAfterTheClusterEndedTheApplicationFailedForThat() {
    Optional<String> reason = Optional.of("the cluster ended the application (FAILED)");

    for (Throwable consequence :
        List.of(
            new IllegalStateException("Cannot call methods on a stopped SparkContext."),
            new UncheckedIOException(new FileNotFoundException("/tmp/spark-1/blockmgr-2/0c")),
            UserException.failure("preparing /data failed: /tmp/spark-1/blockmgr-2/0c"),
            new SparkException("Job 0 cancelled because SparkContext was shut down"))) {
      assertThat(Failures.diagnose(consequence, reason))
          .isEqualTo(new Diagnosis("the cluster ended the application (FAILED)", 1));
    }
    assertThat(Failures.diagnose(UserException.usage("batch must be positive, got 0"), reason))
        .isEqualTo(new Diagnosis("batch must be positive, got 0", 2));
  }

  @Test
  void aStoppedContextIsNoDefectOfOurs() {
    assertThat(
            Failures.diagnose(
                new IllegalStateException("Cannot call methods on a stopped SparkContext.\nBy:")))
        .isEqualTo(
            new Diagnosis(
                "the cluster ended the application: its own log, and the driver's above, say why",
                1));
  }

  @Test
  void causesThatRunInACircleEnd() {
    var outer = new IllegalStateException("outer");
    var inner = new IllegalStateException("inner", outer);
    outer.initCause(inner);

    assertThat(Failures.diagnose(outer).sentence()).contains("inner");
  }

  @Test
  void showsLocalPathsAsAShellTakesThem() {
    assertThat(printed(UserException.failure("a checkpoint file:/tmp/a and hdfs://h/b"), false))
        .isEqualToIgnoringNewLines("firesteel: a checkpoint /tmp/a and hdfs://h/b");
  }

  @Test
  void troubleOfTheTaskIsToldAsThatOfTheDriver() {
    assertThatThrownBy(
            () -> TrainReport.failed(RANK, new OutOfMemoryError("Java heap space")).outcome())
        .isInstanceOf(UserException.class)
        .hasMessageStartingWith("memory is exhausted (Java heap space): give more");
    assertThatThrownBy(
            () -> TrainReport.failed(RANK, new IllegalStateException("broken")).outcome())
        .isInstanceOf(TrainReport.TrainingFailure.class)
        .hasMessageStartingWith("IllegalStateException: broken");
  }

  @Test
  void theStackTraceIsPrintedOnRequestOnly() {
    var failure = new IllegalStateException("broken");

    assertThat(printed(failure, false)).hasLineCount(1).startsWith("firesteel: ");
    assertThat(printed(failure, true)).contains("\tat dev.firesteel.spark.process.FailuresTest");
  }

  private static String printed(Throwable failure, boolean verbose) {
    var bytes = new ByteArrayOutputStream();
    Failures.report(failure, verbose, new PrintStream(bytes, true, StandardCharsets.UTF_8));
    return bytes.toString(StandardCharsets.UTF_8);
  }
}
