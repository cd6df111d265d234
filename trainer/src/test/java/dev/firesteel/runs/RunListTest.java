package dev.firesteel.runs;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import dev.firesteel.config.PretrainConfig;
import dev.firesteel.error.UserException;
import dev.firesteel.files.FolderLock;
import dev.firesteel.files.HostName;
import dev.firesteel.run.RunDirectory;
import dev.firesteel.runs.RunList.Filter;
import dev.firesteel.runs.RunList.Order;
import dev.firesteel.train.StopSignal;
import dev.firesteel.train.TinyRun;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.FileTime;
import java.time.Duration;
import java.time.Instant;
import java.util.List;
import java.util.Set;
import org.apache.hadoop.conf.Configuration;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class RunListTest {
  @TempDir private Path folder;

  private RunList list() {
    return RunList.of(new org.apache.hadoop.fs.Path(folder.toString()), new Configuration());
  }

  private RunSummary only() {
    assertThat(list().runs()).hasSize(1);
    return list().runs().get(0);
  }

  /** A run as its files show it. */
  private Path write(String name, String session, String rows) throws IOException {
    Path run = Files.createDirectories(folder.resolve(name));
    Files.writeString(
        run.resolve("run.json"),
        """
        {"name": "x", "sessions": [%s], "stage": "pretrain",
         "headline": {"metric": {"key": "val_loss", "label": "validation loss", "unit": "NATS",
           "chart": "Loss", "from_zero": false, "on_progress_line": true}, "less_is_better": true}}
        """
            .formatted(session));
    Files.writeString(run.resolve("config.yaml"), "name: x\ntraining:\n  steps: 20\n");
    Files.writeString(run.resolve("metrics.jsonl"), rows);
    return run;
  }

  private static String session(String more) {
    return "{\"started\": \"2026-01-01T00:00:00Z\", \"host\": \"%s\"%s}"
        .formatted(HostName.get(), more);
  }

  private static void silence(Path run, Duration age) throws IOException {
    FileTime then = FileTime.from(Instant.now().minus(age));
    for (String file : List.of("run.json", "metrics.jsonl")) {
      Files.setLastModifiedTime(run.resolve(file), then);
    }
  }

  @Test
  void showsARunThatHasFinished() throws IOException {
    TinyRun.prepare(folder);
    PretrainConfig config = TinyRun.config(folder);
    TinyRun.train(config);

    RunSummary run = only();

    assertThat(run.name()).isEqualTo("runs/tiny");
    assertThat(run.stage()).isEqualTo("pretrain");
    assertThat(run.state()).isEqualTo(RunState.FINISHED);
    assertThat(run.step()).isEqualTo(12);
    assertThat(run.steps()).isEqualTo(12);
    JsonNode last = TinyRun.metrics(config).get(TinyRun.metrics(config).size() - 1);
    assertThat(run.headline()).isEqualTo("val_loss");
    assertThat(run.headlineValue()).hasValue(last.path("val_loss").asDouble());
    assertThat(run.loss()).hasValue(last.path("loss").asDouble());
    assertThat(run.tokens()).isEqualTo(last.path("tokens").asLong());
    assertThat(run.tokensPerSecond().orElseThrow()).isPositive();
    assertThat(run.config()).containsEntry("optimizer.learning_rate", "0.01");
  }

  @Test
  void showsARunThatWasStopped() throws IOException {
    TinyRun.prepare(folder);
    StopSignal stop = new StopSignal();
    TinyRun.train(TinyRun.config(folder), TinyRun.stopAfter(4, stop), stop);

    assertThat(only().state()).isEqualTo(RunState.STOPPED);
  }

  @Test
  void showsWhyARunFailed() throws IOException {
    TinyRun.prepare(folder);
    assertThatThrownBy(
        () ->
            TinyRun.train(
                TinyRun.config(folder),
                event -> {
                  throw new IllegalStateException("no more power");
                },
                new StopSignal()));

    assertThat(only().state()).isEqualTo(RunState.FAILED);
    assertThat(list().lines()).contains("runs/tiny: no more power");
  }

  @Test
  void aRunIsRunningAsLongAsItsProcessIsAlive() throws IOException {
    Path run = write("a", session(""), "{\"step\": 10, \"tokens\": 100, \"loss\": 2.5}\n");
    silence(run, Duration.ofHours(3));
    RunDirectory directory =
        RunDirectory.at(new org.apache.hadoop.fs.Path(run.toString()), new Configuration());
    try (FolderLock lock = directory.lock()) {
      assertThat(lock).isNotNull();
      assertThat(only().state()).isEqualTo(RunState.RUNNING);
    }
    assertThat(only().state()).isEqualTo(RunState.FAILED);
    assertThat(only().failure()).contains("ended without a record");
  }

  @Test
  void aRunOfAProcessThatIsGoneHasFailed() throws IOException {
    Path run = write("a", session(""), "{\"step\": 10, \"tokens\": 100, \"loss\": 2.5}\n");
    Files.writeString(run.resolve("_lock"), Long.MAX_VALUE / 1000 + "\n");

    assertThat(only().state()).isEqualTo(RunState.FAILED);
  }

  @Test
  void aRunElsewhereIsRunningAsLongAsItWrites() throws IOException {
    Path run = write("a", "{\"host\": \"elsewhere\"}", "{\"step\": 1, \"loss\": 2.5}\n");
    Files.writeString(run.resolve("_lock"), "1\n");
    assertThat(only().state()).isEqualTo(RunState.RUNNING);

    silence(run, Duration.ofMinutes(11));

    assertThat(only().state()).isEqualTo(RunState.FAILED);
  }

  @Test
  void readsHalfWrittenAndForeignFolders() throws IOException {
    write("whole", session(""), "{\"step\": 10, \"loss\": 2.5}\n{\"step\": 11, \"lo");
    Files.writeString(write("cut", "", "").resolve("run.json"), "{\"sessions\": [");
    Files.writeString(write("rows", session(""), "").resolve("metrics.jsonl"), "no JSON\n\0\n");
    Files.createDirectories(folder.resolve("foreign/deep"));
    Files.writeString(folder.resolve("foreign/deep/config.yaml"), "{");
    Files.createDirectories(folder.resolve("replacing"));
    Files.writeString(folder.resolve("replacing/.run.json.new"), "{}");
    Files.writeString(folder.resolve("replacing/config.yaml"), ": [");
    Files.writeString(folder.resolve("replacing/metrics.jsonl"), "");

    RunList list = list().sorted(Order.NAME, false);

    assertThat(list.runs())
        .extracting(RunSummary::name)
        .containsExactly("cut", "replacing", "rows", "whole");
    assertThat(list.runs().get(0).state()).isEqualTo(RunState.UNKNOWN);
    assertThat(list.runs().get(3).step()).isEqualTo(10);
    assertThat(list.lines()).hasSizeGreaterThan(4);
    assertThat(folder.resolve("replacing/.run.json.new")).as("nothing is mended").exists();
  }

  @Test
  void findsTheLastValueOfTheHeadlineInALongFile() throws IOException {
    StringBuilder rows = new StringBuilder("{\"step\": 1, \"loss\": 4.5, \"val_loss\": 4.25}\n");
    for (int step = 2; step < 9000; step++) {
      rows.append("{\"step\": ").append(step).append(", \"loss\": 2.5}\n");
    }
    write("a", session(""), rows.toString());

    assertThat(only().headlineValue()).hasValue(4.25);
    assertThat(only().step()).isEqualTo(8999);
  }

  @Test
  void sortsAndFilters() throws IOException {
    String done = ", \"ended\": {\"outcome\": \"completed\"}";
    write("a", session(done), "{\"step\": 20, \"loss\": 2.5, \"tokens_per_second\": 10}\n");
    write("b", session(done), "{\"step\": 20, \"loss\": 1.5, \"tokens_per_second\": 30}\n");
    write("c/deep", session(", \"ended\": {\"outcome\": \"failed\"}"), "");

    assertThat(names(list().sorted(Order.LOSS, false))).containsExactly("b", "a", "c/deep");
    assertThat(names(list().sorted(Order.NAME, true))).containsExactly("c/deep", "b", "a");
    assertThat(names(list().sorted(Order.SPEED, false).first(1))).containsExactly("b");
    assertThat(names(list().filtered(new Filter(Set.of(RunState.FAILED), "", ""))))
        .containsExactly("c/deep");
    assertThat(names(list().filtered(new Filter(Set.of(), "", "d*")))).containsExactly("c/deep");
    assertThat(names(list().filtered(new Filter(Set.of(), "sft", "")))).isEmpty();
    assertThat(names(list().filtered(new Filter(Set.of(), "", "")))).hasSize(3);
  }

  private static List<String> names(RunList list) {
    return list.runs().stream().map(RunSummary::name).toList();
  }

  @Test
  void jsonHasTheSameNumbers() throws IOException {
    write("a", session(""), "{\"step\": 20, \"tokens\": 7, \"loss\": 2.5}\n");

    JsonNode json = new ObjectMapper().readTree(list().toJson());

    assertThat(json).hasSize(1);
    assertThat(json.get(0).path("state").asText()).isEqualTo("running");
    assertThat(json.get(0).path("loss").asDouble()).isEqualTo(2.5);
    assertThat(json.get(0).path("headline_value").isNull()).isTrue();
    assertThat(json.get(0).path("session").path("host").asText()).isEqualTo(HostName.get());
  }

  @Test
  void explainsAFolderThatIsNotThere() {
    assertThatThrownBy(
            () -> RunList.of(new org.apache.hadoop.fs.Path(folder + "/none"), new Configuration()))
        .isInstanceOf(UserException.class)
        .hasMessageContaining("must be a folder with run directories");
    assertThatThrownBy(() -> RunState.of("done"))
        .isInstanceOf(UserException.class)
        .hasMessageContaining("--state must be of running, finished");
  }

  @Test
  void givesAgesInTheirLargestUnit() {
    assertThat(RunList.age(5_000)).isEqualTo("5 s");
    assertThat(RunList.age(600_000)).isEqualTo("10 min");
    assertThat(RunList.age(3 * 3_600_000L)).isEqualTo("3 h");
    assertThat(RunList.age(72 * 3_600_000L)).isEqualTo("3 d");
  }
}
