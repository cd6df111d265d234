package dev.firesteel.train;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.firesteel.backend.Backend;
import dev.firesteel.backend.reference.ReferenceBackend;
import dev.firesteel.collective.Collective;
import dev.firesteel.collective.CollectiveException;
import dev.firesteel.collective.SingleProcess;
import dev.firesteel.collective.ThreadCollective;
import dev.firesteel.config.PretrainConfig;
import dev.firesteel.error.UserException;
import dev.firesteel.run.RunDirectory;
import dev.firesteel.stage.Stages;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import org.apache.hadoop.conf.Configuration;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** A file that answers no more ends the run, with a sentence that names it. */
@Timeout(60)
class HangingFilesTest {
  private static final String[] SHORT = {"checkpoint.timeout_seconds=1", "checkpoint.every=4"};

  @TempDir Path folder;

  @BeforeEach
  void prepare() throws IOException {
    TinyRun.prepare(folder);
  }

  @AfterEach
  void leavesNoThread() throws InterruptedException {
    HangingFileSystem.release();
    for (Thread thread : Thread.getAllStackTraces().keySet()) {
      if (thread.getName().equals("firesteel-run-files")) {
        thread.join(Duration.ofSeconds(30).toMillis());
        assertThat(thread.isAlive()).isFalse();
      }
    }
  }

  @ParameterizedTest
  @CsvSource({
    ".config.yaml.new, CREATE, config.yaml",
    ".run.json.new, WRITE, run.json",
    "metrics.jsonl, CREATE, metrics.jsonl",
    "metrics.jsonl, WRITE, metrics.jsonl",
    "metrics.jsonl, SYNC, metrics.jsonl",
    "samples.jsonl, CREATE, samples.jsonl",
    "samples.jsonl, WRITE, samples.jsonl",
    "samples.jsonl, SYNC, samples.jsonl",
  })
  void endsTheRun(String file, HangingFileSystem.Operation operation, String named) {
    PretrainConfig config = TinyRun.config(folder, SHORT);
    Configuration hadoop = HangingFileSystem.of(file, operation);
    assertThatThrownBy(() -> train(config, hadoop, new SingleProcess()))
        .isInstanceOf(UserException.class)
        .hasMessage(
            "writing %s/%s must end within 1 s (checkpoint.timeout_seconds), and did not: check its file system, or raise the timeout",
            RunDirectory.of(config, hadoop), named);
  }

  @Test
  void endsTheRunOfAllRanks() throws Exception {
    PretrainConfig config = TinyRun.config(folder, SHORT);
    Configuration hadoop = HangingFileSystem.of("metrics.jsonl", HangingFileSystem.Operation.SYNC);
    ExecutorService threads = Executors.newFixedThreadPool(2);
    try {
      List<Future<TrainingOutcome>> outcomes = new ArrayList<>();
      for (Collective collective : ThreadCollective.world(2)) {
        outcomes.add(threads.submit(() -> train(config, hadoop, collective)));
      }
      assertThatThrownBy(() -> outcomes.get(0).get()).hasRootCauseInstanceOf(UserException.class);
      assertThatThrownBy(() -> outcomes.get(1).get())
          .cause()
          .isInstanceOf(CollectiveException.class)
          .hasMessageContaining("metrics.jsonl must end within 1 s");
    } finally {
      threads.shutdownNow();
    }
  }

  @Test
  void leavesARunThatIsResumedToTheSameNumbers() {
    PretrainConfig whole = TinyRun.config(folder, "name=whole", "checkpoint.every=4");
    TinyRun.train(whole);
    PretrainConfig hung = TinyRun.config(folder, SHORT);
    TinyRun.trainUntil(hung, 6);
    // The rows of this session are never written; the checkpoint that should cover them neither.
    assertThatThrownBy(
            () ->
                train(
                    hung,
                    HangingFileSystem.of("metrics.jsonl", HangingFileSystem.Operation.WRITE),
                    new SingleProcess()))
        .isInstanceOf(UserException.class);
    assertThat(TinyRun.checkpoint(hung, 6)).isDirectory();
    assertThat(TinyRun.checkpoint(hung, 8)).doesNotExist();

    assertThat(TinyRun.train(hung)).isEqualTo(TrainingOutcome.COMPLETED);
    assertThat(TinyRun.metrics(hung)).isEqualTo(TinyRun.metrics(whole));
  }

  @Test
  void aFileThatHangsWhenItIsClosedIsLeftToItself() {
    PretrainConfig config = TinyRun.config(folder, SHORT);
    Configuration hadoop = HangingFileSystem.of("metrics.jsonl", HangingFileSystem.Operation.CLOSE);
    assertThatThrownBy(() -> train(config, hadoop, new SingleProcess()))
        .isInstanceOf(UserException.class)
        .hasMessageStartingWith("closing the files of the run must end within 1 s");
    assertThat(TinyRun.metrics(config)).as("all rows were synced before").hasSize(7);
  }

  @Test
  void aReportThatHangsIsANotice() throws IOException {
    PretrainConfig config = TinyRun.config(folder);
    TinyRun.train(config);
    Configuration hadoop =
        HangingFileSystem.of(".report.html.new", HangingFileSystem.Operation.CREATE);
    RunDirectory run = RunDirectory.of(config, hadoop);
    List<String> notices = new ArrayList<>();
    RunReport.atEndOf(
            run,
            event -> {
              if (event instanceof TrainingEvent.Notice notice) {
                notices.add(notice.line());
              }
            },
            Duration.ofSeconds(1))
        .onEvent(new TrainingEvent.Ended(TrainingOutcome.COMPLETED, 12));
    assertThat(notices).hasSize(1);
    assertThat(notices.get(0))
        .startsWith("The report of " + run + " could not be written: ")
        .contains("writing the report must end within 1 s (checkpoint.timeout_seconds)");
    assertThat(Files.exists(Path.of(run.path().toUri().getPath(), "report.html"))).isFalse();
  }

  private static TrainingOutcome train(
      PretrainConfig config, Configuration hadoop, Collective collective) {
    try (Backend backend = new ReferenceBackend();
        TrainingRun training =
            Stages.pretrain(
                config,
                TinyRun.data(config),
                new TrainingContext(
                    backend,
                    collective,
                    RunDirectory.of(config, hadoop),
                    event -> {},
                    new RankListener() {},
                    new StopSignal()))) {
      return training.run();
    }
  }
}
