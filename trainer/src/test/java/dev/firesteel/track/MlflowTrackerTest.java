package dev.firesteel.track;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.fasterxml.jackson.databind.JsonNode;
import dev.firesteel.config.PretrainConfig;
import dev.firesteel.files.HadoopFiles;
import dev.firesteel.run.RunDirectory;
import dev.firesteel.track.FakeMlflow.Mode;
import dev.firesteel.train.StopSignal;
import dev.firesteel.train.TinyRun;
import dev.firesteel.train.TrainingEvent;
import dev.firesteel.train.TrainingListener;
import dev.firesteel.train.TrainingOutcome;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.function.Consumer;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

@Timeout(120)
class MlflowTrackerTest {
  @TempDir private Path folder;
  private final List<String> notices = new CopyOnWriteArrayList<>();
  private FakeMlflow server;

  @BeforeEach
  void start() throws IOException {
    TinyRun.prepare(folder);
    server = new FakeMlflow();
  }

  @AfterEach
  void stop() {
    server.close();
  }

  private PretrainConfig config(String... more) {
    List<String> overrides = new ArrayList<>(List.of(more));
    overrides.add("tracking.mlflow.uri=" + server.uri());
    return TinyRun.config(folder, overrides.toArray(new String[0]));
  }

  private TrainingOutcome train(PretrainConfig config, long steps) {
    return train(config, steps, step -> {});
  }

  /** Trains with short timeouts; {@code atStep} is called at each logged step. */
  private TrainingOutcome train(PretrainConfig config, long steps, Consumer<Long> atStep) {
    StopSignal stop = new StopSignal();
    RunDirectory run = TinyRun.directory(config);
    Duration timeout = Duration.ofMillis(server.mode == Mode.HANGS ? 300 : 10_000);
    try (TrackerThread thread =
        new TrackerThread(
            "mlflow",
            () -> new MlflowTracker(config, run, notices::add, timeout),
            notices::add,
            Duration.ofSeconds(30))) {
      return TinyRun.train(
          config,
          TrainingListener.all(
              TinyRun.stopAfter(steps, stop),
              event -> {
                if (event instanceof TrainingEvent.StepLogged logged) {
                  atStep.accept(logged.step());
                }
              },
              thread::offer),
          stop);
    }
  }

  private static Map<Long, Double> expected(PretrainConfig config, String key) {
    Map<Long, Double> points = new TreeMap<>();
    for (JsonNode row : TinyRun.metrics(config)) {
      if (row.has(key)) {
        points.put(row.path("step").asLong(), row.path(key).asDouble());
      }
    }
    return points;
  }

  private void assertComplete(PretrainConfig config) {
    for (String key : List.of("loss", "val_loss", "lr", "tokens")) {
      assertThat(server.points(key)).as(key).isEqualTo(expected(config, key));
    }
  }

  private Path queue(PretrainConfig config) {
    return Path.of(TinyRun.directory(config).path().toString(), "mlflow", "queue");
  }

  @Test
  void showsConfigurationMetricsAndFiles() {
    PretrainConfig config = config();

    train(config, 100);

    assertThat(notices).isEmpty();
    assertThat(server.runs).containsExactly("tiny");
    assertThat(server.parameters)
        .containsEntry("optimizer.learning_rate", "0.01")
        .containsEntry("model.width", "16");
    assertComplete(config);
    assertThat(server.statuses).containsExactly("FINISHED");
    assertThat(server.artifacts)
        .containsKeys("7/abc/artifacts/config.yaml", "7/abc/artifacts/metrics.jsonl");
    assertThat(new String(server.artifacts.get("7/abc/artifacts/run.json"), StandardCharsets.UTF_8))
        .contains("\"outcome\" : \"completed\"");
    assertThat(server.versions).isEmpty();
    assertThat(server.calls.stream().filter(call -> call.equals("runs/log-batch")).count())
        .as("batches")
        .isLessThan(12);
  }

  @Test
  void registersTheModelOfARunThatCompletes() {
    PretrainConfig config = config("tracking.mlflow.register=sheep");

    train(config, 100);

    assertThat(server.versions).containsExactly("sheep mlflow-artifacts:/7/abc/artifacts/model");
    assertThat(server.artifacts)
        .containsKeys(
            "7/abc/artifacts/model/config.json",
            "7/abc/artifacts/model/model.safetensors",
            "7/abc/artifacts/model/tokenizer.json",
            "7/abc/artifacts/model/MLmodel")
        .doesNotContainKey("7/abc/artifacts/model/MANIFEST.json");
  }

  @Test
  void aRunThatResumesContinuesItsRun() {
    PretrainConfig config = config();

    assertThat(train(config, 6)).isEqualTo(TrainingOutcome.INTERRUPTED);
    train(config, 100);

    assertThat(server.runs).hasSize(1);
    assertThat(server.statuses).containsExactly("KILLED", "RUNNING", "FINISHED");
    assertComplete(config);
  }

  @Test
  void aRunThatRepeatsStepsGivesNoPointTwice() throws IOException {
    PretrainConfig config = config("checkpoint.every=5");
    train(config, 8);
    org.apache.hadoop.fs.Path last =
        new org.apache.hadoop.fs.Path(
            TinyRun.directory(config).path(), "checkpoints/step-00000008");
    assertThat(HadoopFiles.fileSystem(last, TinyRun.HADOOP).delete(last, true)).isTrue();

    train(config, 100);

    assertComplete(config);
  }

  @Test
  void aServerThatIsAwayCostsNothingAndGetsAllLater() {
    PretrainConfig config = config();
    server.mode = Mode.FAILS;
    assertThat(train(config, 6)).isEqualTo(TrainingOutcome.INTERRUPTED);
    assertThat(queue(config)).isNotEmptyDirectory();
    assertThat(notices).anyMatch(line -> line.contains("cannot be reached"));

    server.mode = Mode.WORKS;
    train(config, 100);

    assertThat(queue(config)).isEmptyDirectory();
    assertComplete(config);
    assertThat(server.parameters).containsEntry("model.width", "16");
    assertThat(server.statuses).containsExactly("KILLED", "RUNNING", "FINISHED");
  }

  @Test
  void whatWaitsIsDeliveredOnRequest() {
    PretrainConfig config = config();
    server.mode = Mode.FAILS;
    train(config, 100);
    assertThat(Trackers.deliver(TinyRun.directory(config), notices::add)).isPositive();

    server.mode = Mode.WORKS;

    assertThat(Trackers.deliver(TinyRun.directory(config), notices::add)).isZero();
    assertThat(queue(config)).isEmptyDirectory();
    assertComplete(config);
    assertThat(server.statuses).containsExactly("FINISHED");
    assertThat(server.artifacts).containsKey("7/abc/artifacts/config.yaml");
  }

  @Test
  void answersThatAreLostGiveNoPointTwice() {
    PretrainConfig config = config();
    train(config, 6);
    server.mode = Mode.LOSES_ANSWERS;
    train(config, 8);

    server.mode = Mode.WORKS;
    train(config, 100);

    assertComplete(config);
  }

  @Test
  void aServerThatHangsDoesNotSlowTheRun() {
    PretrainConfig config = config();
    server.mode = Mode.HANGS;
    List<Long> steps = new ArrayList<>();

    TrainingOutcome outcome = train(config, 100, steps::add);

    assertThat(outcome).isEqualTo(TrainingOutcome.COMPLETED);
    assertThat(steps).hasSize(7);
    assertThat(notices)
        .anyMatch(line -> line.contains("cannot be reached"))
        .anyMatch(line -> line.contains("runs sync"));
    assertThat(queue(config)).isNotEmptyDirectory();
  }

  @Test
  void aServerThatIsNotThereDoesNotEndTheRun() {
    PretrainConfig config = config();
    server.close();

    assertThat(train(config, 100)).isEqualTo(TrainingOutcome.COMPLETED);

    assertThat(notices).anyMatch(line -> line.contains("cannot be reached"));
    assertThat(
            Thread.getAllStackTraces().keySet().stream()
                .map(Thread::getName)
                .filter(name -> name.startsWith("firesteel-tracker-mlflow")))
        .isEmpty();
  }

  @Test
  void whatIsRefusedForGoodIsDroppedAndReported() {
    PretrainConfig config = config();
    server.mode = Mode.REFUSES_BATCHES;

    train(config, 100);

    assertThat(notices)
        .anyMatch(line -> line.contains("refused runs/log-batch of the run, which is dropped"));
    assertThat(server.statuses).containsExactly("FINISHED");
    assertThat(queue(config))
        .satisfiesAnyOf(
            path -> assertThat(path).doesNotExist(), path -> assertThat(path).isEmptyDirectory());
  }

  @Test
  void aRunThatFailsIsShownAsFailed() throws IOException {
    PretrainConfig config = config();
    RunDirectory run = TinyRun.directory(config);
    try (TrackerThread thread =
        new TrackerThread(
            "mlflow",
            () -> new MlflowTracker(config, run, notices::add),
            notices::add,
            Duration.ofSeconds(30))) {
      assertThatThrownBy(
              () ->
                  TinyRun.train(
                      config,
                      TrainingListener.all(
                          thread::offer,
                          event -> {
                            if (event instanceof TrainingEvent.StepLogged logged
                                && logged.step() > 3) {
                              throw new IllegalStateException("no more power");
                            }
                          }),
                      new StopSignal()))
          .isInstanceOf(IllegalStateException.class);
    }

    assertThat(server.statuses).containsExactly("FAILED");
    JsonNode ended = run.run().at("/sessions/0/ended");
    assertThat(ended.path("outcome").asText()).isEqualTo("failed");
    assertThat(ended.path("failure").asText()).isEqualTo("no more power");
  }
}
