package dev.firesteel.train;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import dev.firesteel.backend.Backend;
import dev.firesteel.backend.BackendKind;
import dev.firesteel.backend.BackendOptions;
import dev.firesteel.backend.Precision;
import dev.firesteel.backend.choice.Backends;
import dev.firesteel.config.PretrainConfig;
import dev.firesteel.run.RunDirectory;
import dev.firesteel.run.StepRows;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** The promises of {@link PretrainingTest} that are the cpu backend's as well. */
class PretrainingOnCpuTest {
  @TempDir Path folder;

  @BeforeEach
  void prepare() throws IOException {
    TinyRun.prepare(folder);
  }

  @Test
  void givesTheSameBytesForAnyNumberOfThreads() throws IOException {
    PretrainConfig one = config("one");
    PretrainConfig three = config("three");
    train(one, 1, 12);
    train(three, 3, 12);
    assertSameRun(one, three);
  }

  @Test
  void measuresWhatItsThreadsAllocate() {
    PretrainConfig config = config("measured");
    try (Backend backend =
        Backends.create(new BackendOptions(BackendKind.CPU, Precision.FP32, 3))) {
      assertThat(backend.threadsBesideCaller()).hasSize(2);
      ThreadCounters counters = new ThreadCounters(backend.threadsBesideCaller());
      double before = counters.allocatedBytes();
      byte[] garbage = new byte[1 << 20];
      assertThat(counters.allocatedBytes() - before).isGreaterThanOrEqualTo(garbage.length);
      assertThat(counters.cpuNanos()).isPositive();
    }
    train(config, 2, 12);
    List<JsonNode> rows =
        StepRows.parse(
            TinyRun.directory(config).read(RunDirectory.METRICS).orElseThrow(), "metrics");
    assertThat(rows.get(0).properties())
        .extracting(Map.Entry::getKey)
        .containsExactly("step", "tokens", "val_loss", "val_bpb");
    assertThat(rows.get(1).properties())
        .extracting(Map.Entry::getKey)
        .containsExactly(
            "step",
            "tokens",
            "loss",
            "lr",
            "grad_norm",
            "tokens_per_second",
            "step_ms",
            "allocated_bytes_per_step",
            "gc_ms");
    assertThat(rows.get(1).get("allocated_bytes_per_step").asDouble()).isPositive();
    assertThat(rows.get(1).get("gc_ms").asDouble()).isNotNegative();
  }

  @Test
  void goesOnAsIfNothingHadHappenedOnOtherThreads() throws IOException {
    PretrainConfig whole = config("whole");
    train(whole, 2, 12);
    PretrainConfig stopped = config("stopped");
    assertThat(train(stopped, 2, 6)).isEqualTo(TrainingOutcome.INTERRUPTED);
    assertThat(train(stopped, 1, 12)).isEqualTo(TrainingOutcome.COMPLETED);
    assertSameRun(whole, stopped);
  }

  @Test
  void givesTheSameBytesForAnyNumberOfRanksAndAfterResumingOnOthers() throws Exception {
    PretrainConfig alone = sharded("alone");
    train(alone, 1, 12);
    PretrainConfig ranks = sharded("ranks");
    PretrainConfig changing = sharded("changing");
    TinyRun.trainOnRanks(ranks, 4, PretrainingOnCpuTest::oneThread, 12);
    TinyRun.trainOnRanks(changing, 4, PretrainingOnCpuTest::oneThread, 4);
    TinyRun.trainOnRanks(changing, 2, PretrainingOnCpuTest::oneThread, 8);
    // Its optimizer's moments are whole again after they were two ranks', and four ranks'.
    assertThat(train(changing, 1, 12)).isEqualTo(TrainingOutcome.COMPLETED);

    assertThat(TinyRun.checkpoint(ranks, 12).resolve("trainer"))
        .isDirectoryContaining("glob:**optimizer-00004-of-00004.safetensors");
    for (PretrainConfig run : List.of(ranks, changing)) {
      assertThat(TinyRun.file(run, 12, "model.safetensors"))
          .isEqualTo(TinyRun.file(alone, 12, "model.safetensors"));
      assertThat(TinyRun.metrics(run)).isEqualTo(TinyRun.metrics(alone));
    }
    assertSameRun(alone, changing);
  }

  @ParameterizedTest
  @ValueSource(strings = {"lion", "sgd", "sgd momentum=0", "adafactor", "muon"})
  void everyOptimizerGivesTheSameBytesOnAnyRanksAndResumes(String optimizer) throws Exception {
    PretrainConfig alone = sharded("alone", optimizer);
    train(alone, 2, 12);
    PretrainConfig changing = sharded("changing", optimizer);
    TinyRun.trainOnRanks(changing, 4, PretrainingOnCpuTest::oneThread, 4);
    TinyRun.trainOnRanks(changing, 2, PretrainingOnCpuTest::oneThread, 8);
    assertThat(train(changing, 1, 12)).isEqualTo(TrainingOutcome.COMPLETED);
    assertSameRun(alone, changing);
  }

  /** Large enough that each of four ranks owns some of the optimizer's state. */
  private PretrainConfig sharded(String name) {
    return sharded(name, "adamw");
  }

  private PretrainConfig sharded(String name, String optimizer) {
    List<String> overrides =
        new ArrayList<>(
            List.of("name=" + name, "compute.backend=cpu", "model.layers=2", "model.width=64"));
    for (String setting : ("kind=" + optimizer).split(" ", -1)) {
      overrides.add("optimizer." + setting);
    }
    return TinyRun.config(folder, overrides.toArray(String[]::new));
  }

  private static Backend oneThread() {
    return Backends.create(new BackendOptions(BackendKind.CPU, Precision.FP32, 1));
  }

  private PretrainConfig config(String name) {
    // More rows than a tile, so that threads have something to share.
    return TinyRun.config(
        folder,
        "name=" + name,
        "compute.backend=cpu",
        "model.architecture=llama",
        "model.width=48",
        "model.heads=3",
        "model.context_length=32",
        "training.micro_batch_size=4");
  }

  private static TrainingOutcome train(PretrainConfig config, int threads, long until) {
    try (Backend backend =
        Backends.create(new BackendOptions(BackendKind.CPU, Precision.FP32, threads))) {
      return TinyRun.trainUntil(config, backend, until);
    }
  }

  private static void assertSameRun(PretrainConfig expected, PretrainConfig got)
      throws IOException {
    for (String file :
        new String[] {"model.safetensors", "trainer/optimizer-00001-of-00001.safetensors"}) {
      assertThat(TinyRun.file(got, 12, file)).as(file).isEqualTo(TinyRun.file(expected, 12, file));
    }
    assertThat(TinyRun.metrics(got)).isEqualTo(TinyRun.metrics(expected));
  }
}
