package dev.firesteel.spark.monitor;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.firesteel.backend.Backend;
import dev.firesteel.backend.reference.ReferenceBackend;
import dev.firesteel.collective.SingleProcess;
import dev.firesteel.config.ConfigLoader;
import dev.firesteel.config.PretrainConfig;
import dev.firesteel.model.Models;
import dev.firesteel.run.RunDirectory;
import dev.firesteel.run.StepRows;
import dev.firesteel.spark.rpc.JsonLines;
import dev.firesteel.stage.ToyObjective;
import dev.firesteel.train.ProgressLine;
import dev.firesteel.train.RankListener;
import dev.firesteel.train.RunReport;
import dev.firesteel.train.StopSignal;
import dev.firesteel.train.TrainingContext;
import dev.firesteel.train.TrainingEvent;
import dev.firesteel.train.TrainingListener;
import dev.firesteel.train.TrainingOutcome;
import dev.firesteel.train.TrainingRun;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import org.apache.hadoop.conf.Configuration;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** A stage that nothing but its own class knows: trained, resumed, reported and shown. */
class ToyStageTest {
  private static final Set<String> NOT_REPEATED =
      Set.of("tokens_per_second", "step_ms", "allocated_bytes_per_step", "gc_ms");

  @TempDir Path folder;

  @Test
  void resumesToTheBit() throws IOException {
    train(config("whole"), event -> {}, new StopSignal());

    StopSignal stop = new StopSignal();
    TrainingListener stopAfterFour =
        event -> {
          if (event instanceof TrainingEvent.StepLogged logged && logged.step() == 4) {
            stop.request();
          }
        };
    assertThat(train(config("halves"), stopAfterFour, stop)).isEqualTo(TrainingOutcome.INTERRUPTED);
    assertThat(train(config("halves"), event -> {}, new StopSignal()))
        .isEqualTo(TrainingOutcome.COMPLETED);

    assertThat(file("halves", "model.safetensors")).isEqualTo(file("whole", "model.safetensors"));
    assertThat(rows("halves")).isEqualTo(rows("whole"));
    assertThat(rows("whole").get(0).get("skill").asDouble()).isEqualTo(1);
    assertThat(rows("whole").get(6).get("skill").asDouble()).isEqualTo(4);
  }

  @Test
  void aMaskedLossDoesNotDependOnTheCutIntoMicroBatches() {
    train(config("four"), event -> {}, new StopSignal());
    train(config("one", "training.micro_batch_size=8"), event -> {}, new StopSignal());
    for (int row = 1; row < rows("four").size(); row++) {
      assertThat(rows("one").get(row).get("loss").asDouble())
          .isCloseTo(rows("four").get(row).get("loss").asDouble(), within(1e-5));
    }
  }

  @Test
  void isShownEverywhere() {
    RunStatus status = new RunStatus();
    ByteArrayOutputStream terminal = new ByteArrayOutputStream();
    ProgressLine progress =
        new ProgressLine(new PrintStream(terminal, true, StandardCharsets.UTF_8), false);
    TrainingListener throughSpark =
        event -> {
          TrainingEvent received =
              JsonLines.read(JsonLines.write(event), TrainingEvent.class, "an event");
          status.onEvent(received);
          progress.onEvent(received);
        };
    train(config("shown"), throughSpark, new StopSignal());
    RunReport.write(run("shown"));

    assertThat(new String(run("shown").read("report.html").orElseThrow(), StandardCharsets.UTF_8))
        .contains("Skill of the toy");
    assertThat(RunHtml.of(status.snapshot())).contains("Skill of the toy");
    assertThat(status.snapshot().json().at("/now/metrics/skill").asDouble()).isEqualTo(4);
    assertThat(terminal.toString(StandardCharsets.UTF_8)).contains("skill of the toy 4");
  }

  private PretrainConfig config(String name, String... more) {
    List<String> keys =
        new ArrayList<>(
            List.of(
                "name=" + name,
                "runs_folder=" + folder,
                "data.source=none",
                "model.architecture=gpt2",
                "model.layers=1",
                "model.width=16",
                "model.heads=2",
                "model.context_length=8",
                "model.vocabulary_size=5",
                "compute.backend=reference",
                "training.steps=6",
                "training.micro_batch_size=2",
                "training.global_batch_size=8",
                "schedule.warmup_steps=1",
                "evaluation.every=2",
                "logging.every=1"));
    keys.addAll(List.of(more));
    return ConfigLoader.parse(PretrainConfig.class, "", "a toy", keys);
  }

  private static TrainingOutcome train(
      PretrainConfig config, TrainingListener listener, StopSignal stop) {
    try (Backend backend = new ReferenceBackend()) {
      TrainingContext context =
          new TrainingContext(
              backend,
              new SingleProcess(),
              RunDirectory.of(config, new Configuration()),
              listener,
              new RankListener() {},
              stop);
      try (TrainingRun run =
          new TrainingRun(
              config,
              context,
              ToyObjective.info(),
              () -> new ToyObjective(config, Models.declare(config.model()), context))) {
        return run.run();
      }
    }
  }

  private RunDirectory run(String name) {
    return RunDirectory.of(config(name), new Configuration());
  }

  private byte[] file(String name, String file) throws IOException {
    return Files.readAllBytes(folder.resolve(name + "/checkpoints/step-00000006/" + file));
  }

  private List<JsonNode> rows(String name) {
    List<JsonNode> rows =
        StepRows.parse(run(name).read(RunDirectory.METRICS).orElseThrow(), RunDirectory.METRICS);
    rows.forEach(row -> ((ObjectNode) row).remove(NOT_REPEATED));
    return rows;
  }
}
