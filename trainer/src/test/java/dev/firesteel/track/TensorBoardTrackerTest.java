package dev.firesteel.track;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import com.fasterxml.jackson.databind.JsonNode;
import dev.firesteel.checkpoint.Storage;
import dev.firesteel.config.PretrainConfig;
import dev.firesteel.files.HadoopFiles;
import dev.firesteel.run.RunDirectory;
import dev.firesteel.run.StepRows;
import dev.firesteel.track.EventFileReader.Message;
import dev.firesteel.track.EventFileReader.Value;
import dev.firesteel.train.StopSignal;
import dev.firesteel.train.TinyRun;
import dev.firesteel.train.TrainingEvent;
import dev.firesteel.train.TrainingListener;
import dev.firesteel.train.TrainingOutcome;
import java.io.IOException;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import org.apache.hadoop.fs.FileSystem;
import org.apache.hadoop.fs.Path;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

class TensorBoardTrackerTest {
  private static final int SCALAR = 2;
  private static final int HISTOGRAM = 5;
  private static final int TENSOR = 8;
  private static final int METADATA = 9;

  @TempDir private java.nio.file.Path folder;
  private final List<String> notices = new ArrayList<>();

  @BeforeEach
  void prepare() throws IOException {
    TinyRun.prepare(folder);
  }

  private void train(PretrainConfig config, long steps) {
    StopSignal stop = new StopSignal();
    try (Trackers trackers = Trackers.open(config, TinyRun.directory(config), 0, this::notice)) {
      TinyRun.train(config, TrainingListener.all(TinyRun.stopAfter(steps, stop), trackers), stop);
    }
  }

  private void notice(TrainingEvent event) {
    notices.add(event.toString());
  }

  private static Path tensorboard(PretrainConfig config) {
    return new Path(TinyRun.directory(config).path(), "tensorboard");
  }

  private static FileSystem fs(Path path) throws IOException {
    return HadoopFiles.fileSystem(path, TinyRun.HADOOP);
  }

  /** {@code metrics.jsonl} as floats, by key and step. */
  private static Map<String, Map<Long, Float>> rows(PretrainConfig config) {
    Map<String, Map<Long, Float>> all = new TreeMap<>();
    byte[] content = TinyRun.directory(config).read(RunDirectory.METRICS).orElseThrow();
    for (JsonNode row : StepRows.parse(content, RunDirectory.METRICS)) {
      row.properties().stream()
          .filter(field -> field.getValue().isNumber() && !field.getKey().equals("step"))
          .forEach(
              field ->
                  all.computeIfAbsent(field.getKey(), key -> new TreeMap<>())
                      .put(row.path("step").asLong(), field.getValue().floatValue()));
    }
    return all;
  }

  private static Map<String, Map<Long, Float>> scalars(List<Value> values) {
    Map<String, Map<Long, Float>> all = new TreeMap<>();
    for (Value value : values) {
      if (value.message().has(SCALAR)) {
        Float before =
            all.computeIfAbsent(value.tag(), tag -> new TreeMap<>())
                .put(value.step(), (float) value.message().number(SCALAR));
        assertThat(before).as(value.tag() + " at step " + value.step()).isNull();
      }
    }
    return all;
  }

  private static void assertSame(
      Map<String, Map<Long, Float>> got, Map<String, Map<Long, Float>> expected) {
    assertThat(got.keySet()).isEqualTo(expected.keySet());
    expected.forEach(
        (key, points) -> {
          assertThat(got.get(key).keySet()).as(key).isEqualTo(points.keySet());
          points.forEach(
              (step, value) ->
                  // metrics.jsonl rounds times and rates.
                  assertThat(got.get(key).get(step))
                      .as(key)
                      .isCloseTo(value, within(1e-3f + 1e-5f * Math.abs(value))));
        });
  }

  @Test
  void holdsEveryMetricOfTheRunOnce() throws IOException {
    PretrainConfig config = TinyRun.config(folder, "tracking.tensorboard=true");

    train(config, 100);

    Path events = tensorboard(config);
    List<Path> files = EventFileReader.files(fs(events), events);
    assertThat(files).hasSize(1);
    List<Message> first = EventFileReader.events(fs(events), files.get(0));
    assertThat(first.get(0).text(3)).isEqualTo("brain.Event:2");
    assertSame(scalars(EventFileReader.values(fs(events), events)), rows(config));
    assertThat(rows(config)).containsKeys("loss", "val_loss", "val_bpb", "grad_norm", "tokens");
    assertThat(notices).isEmpty();
  }

  @Test
  void describesEachMetricOnce() throws IOException {
    PretrainConfig config = TinyRun.config(folder, "tracking.tensorboard=true");

    train(config, 100);

    Path events = tensorboard(config);
    List<Message> described =
        EventFileReader.values(fs(events), events).stream()
            .filter(value -> value.tag().equals("loss") && value.message().has(METADATA))
            .map(Value::message)
            .toList();
    assertThat(described).hasSize(1);
    Message metadata = described.get(0).message(METADATA);
    assertThat(metadata.message(1).text(1)).isEqualTo("scalars");
    assertThat(metadata.text(2)).isEqualTo("loss");
    assertThat(metadata.text(3)).isEqualTo("nats per token");
  }

  @Test
  void holdsConfigurationAndSamplesAsText() throws IOException {
    PretrainConfig config = TinyRun.config(folder, "tracking.tensorboard=true");

    train(config, 100);

    Path events = tensorboard(config);
    Map<String, List<Long>> steps = new TreeMap<>();
    for (Value value : EventFileReader.values(fs(events), events)) {
      if (value.message().has(TENSOR)) {
        steps.computeIfAbsent(value.tag(), tag -> new ArrayList<>()).add(value.step());
        Message tensor = value.message().message(TENSOR);
        assertThat(tensor.number(1)).isEqualTo(7);
        assertThat(tensor.text(8)).startsWith("```\n").endsWith("\n```");
        assertThat(value.message().message(METADATA).message(1).text(1)).isEqualTo("text");
        if (value.tag().equals("config")) {
          assertThat(tensor.text(8)).contains("learning_rate: 0.01");
        }
      }
    }
    assertThat(steps).isEqualTo(Map.of("config", List.of(0L), "sample", List.of(6L, 12L)));
  }

  @Test
  void aRunThatResumesReplacesWhatItRepeats() throws IOException {
    PretrainConfig config =
        TinyRun.config(folder, "tracking.tensorboard=true", "checkpoint.every=5");
    train(config, 8);
    // As if it had been killed after step 8: the checkpoint of step 5 is the last.
    Path last = new Path(TinyRun.directory(config).path(), "checkpoints/step-00000008");
    assertThat(fs(last).delete(last, true)).isTrue();

    train(config, 100);

    Path events = tensorboard(config);
    List<Path> files = EventFileReader.files(fs(events), events);
    assertThat(files).hasSize(2);
    List<Message> second = EventFileReader.events(fs(events), files.get(1));
    assertThat(second.get(1).message(7).number(1)).isEqualTo(1);
    assertThat(second.get(1).number(2)).isEqualTo(6);
    assertSame(scalars(EventFileReader.values(fs(events), events)), rows(config));
  }

  @Test
  void histogramsCountEveryWeightAndGradient() throws IOException {
    PretrainConfig config =
        TinyRun.config(folder, "tracking.tensorboard=true", "tracking.histograms.every=6");

    train(config, 100);

    Path events = tensorboard(config);
    Map<String, List<Value>> histograms = new TreeMap<>();
    for (Value value : EventFileReader.values(fs(events), events)) {
      if (value.message().has(HISTOGRAM)) {
        histograms.computeIfAbsent(value.tag(), tag -> new ArrayList<>()).add(value);
      }
    }
    assertThat(histograms).containsKeys("weights/embedding.weight", "gradients/embedding.weight");
    assertThat(histograms.keySet().stream().filter(tag -> tag.startsWith("weights/")).count())
        .isEqualTo(histograms.keySet().stream().filter(tag -> tag.startsWith("grad")).count());
    for (List<Value> values : histograms.values()) {
      assertThat(values).extracting(Value::step).containsExactly(6L, 12L);
      for (Value value : values) {
        Message histogram = value.message().message(HISTOGRAM);
        List<Double> limits = histogram.packed(6);
        List<Double> counts = histogram.packed(7);
        assertThat(limits).isSorted().hasSameSizeAs(counts);
        assertThat(counts.stream().mapToDouble(Double::doubleValue).sum())
            .isEqualTo(histogram.number(3));
        assertThat(limits.get(limits.size() - 1)).isGreaterThanOrEqualTo(histogram.number(2));
        assertThat(histogram.number(5))
            .isGreaterThanOrEqualTo(
                histogram.number(4) * histogram.number(4) / histogram.number(3) - 1e-9);
      }
    }
  }

  @Test
  void trackingChangesNoBitOfTheRun() throws IOException {
    PretrainConfig plain = TinyRun.config(folder, "name=plain");
    PretrainConfig tracked =
        TinyRun.config(
            folder, "name=tracked", "tracking.tensorboard=true", "tracking.histograms.every=1");

    train(plain, 100);
    train(tracked, 100);

    assertThat(TinyRun.metrics(tracked)).isEqualTo(TinyRun.metrics(plain));
  }

  @Test
  void aFolderHasOneForEachRun() throws IOException {
    PretrainConfig config =
        TinyRun.config(folder, "tracking.tensorboard=" + folder.resolve("boards"));

    train(config, 100);

    Path events = new Path(folder.resolve("boards").resolve("tiny").toString());
    assertThat(EventFileReader.files(fs(events), events)).hasSize(1);
  }

  @Test
  void aFolderThatCannotBeWrittenDoesNotEndTheRun() throws IOException {
    java.nio.file.Files.writeString(folder.resolve("file"), "");
    PretrainConfig config =
        TinyRun.config(folder, "tracking.tensorboard=" + folder.resolve("file"));
    TrainingOutcome outcome;

    try (Trackers trackers = Trackers.open(config, TinyRun.directory(config), 0, this::notice)) {
      outcome = TinyRun.train(config, trackers, new StopSignal());
    }

    assertThat(outcome).isEqualTo(TrainingOutcome.COMPLETED);
    assertThat(notices).singleElement().asString().contains("The tracker tensorboard failed");
  }

  @ParameterizedTest
  @EnumSource(
      value = Storage.class,
      names = {"HDFS", "S3A"})
  void writesToAnyFileSystem(Storage storage) throws IOException {
    Path boards = storage.newFolder();
    PretrainConfig config = TinyRun.config(folder, "tracking.tensorboard=" + boards);
    RunDirectory run = RunDirectory.at(TinyRun.directory(config).path(), storage.configuration());

    try (Trackers trackers = Trackers.open(config, run, 0, this::notice)) {
      TinyRun.train(config, trackers, new StopSignal());
    }

    assertThat(notices).isEmpty();
    Path events = new Path(boards, "tiny");
    assertSame(scalars(EventFileReader.values(storage.fileSystem(), events)), rows(config));
    // Where a file shows only when it is closed, each checkpoint closes one.
    assertThat(EventFileReader.files(storage.fileSystem(), events))
        .hasSize(storage == Storage.S3A ? 4 : 1);
  }
}
