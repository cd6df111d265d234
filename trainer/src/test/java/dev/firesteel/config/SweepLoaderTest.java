package dev.firesteel.config;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.firesteel.error.UserException;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class SweepLoaderTest {
  @TempDir Path folder;

  @BeforeEach
  void writeBase() throws IOException {
    Files.writeString(
        folder.resolve("base.yaml"),
        """
        data: {source: texts}
        schedule: {kind: wsd, warmup_steps: 7}
        training: {steps: 50, micro_batch_size: 2, global_batch_size: 4}
        """);
  }

  private Sweep load(String yaml, String... overrides) throws IOException {
    Path file = folder.resolve("sizes.yaml");
    Files.writeString(file, "config: base.yaml\n" + yaml);
    return SweepLoader.load(file, List.of(overrides));
  }

  @Test
  void makesAllCombinationsOfSizesAxesAndLengths() throws IOException {
    Sweep sweep =
        load(
            """
            keys: {optimizer: {weight_decay: 0.2}}
            sizes: {layers: [2, 3], width_per_layer: 32, head_width: 16, feed_forward_ratio: 2.5}
            axes:
              optimizer.learning_rate: log:1e-4:1e-2:3
              seed: [5]
            lengths: {tokens_per_parameter: [10, 20]}
            """);
    assertThat(sweep.config().folder()).isEqualTo("runs/sizes");
    assertThat(sweep.runs()).hasSize(2 * 3 * 2);
    Sweep.Run first = sweep.runs().get(0);
    assertThat(first.config().name())
        .isEqualTo("layers-2_learning_rate-1e-4_seed-5_tokens_per_parameter-10");
    assertThat(first.config().runsFolder()).isEqualTo("runs/sizes");
    assertThat(first.length()).isEqualTo(10);
    Sweep.Run last = sweep.runs().get(11);
    PretrainConfig config = last.config();
    assertThat(last.axes())
        .containsExactly(
            Map.entry("layers", "3"),
            Map.entry("optimizer.learning_rate", "0.01"),
            Map.entry("seed", "5"),
            Map.entry("tokens_per_parameter", "20"));
    assertThat(config.model().layers()).isEqualTo(3);
    assertThat(config.model().width()).isEqualTo(96);
    assertThat(config.model().heads()).isEqualTo(6);
    assertThat(config.model().feedForwardWidth()).isEqualTo(240);
    assertThat(config.optimizer().learningRate()).isEqualTo(0.01);
    assertThat(config.optimizer().weightDecay()).isEqualTo(0.2);
    assertThat(config.seed()).isEqualTo(5);
    assertThat(config.compute().threads()).isEqualTo(1);
  }

  /** The decay of the schedule is a fifth of each run's own steps. */
  @Test
  void theScheduleEndsWithTheRun() throws IOException {
    Sweep sweep = load("lengths: {tokens: [1e6, 2e6], warmup_share: 0.1}");
    PretrainConfig run = sweep.runs().get(1).withSteps(200, 0.1);
    assertThat(run.training().steps()).isEqualTo(200);
    assertThat(run.schedule().warmupSteps()).isEqualTo(20);
    assertThat(run.schedule().decaySteps()).isEqualTo(40);
  }

  @Test
  void withoutLengthsTheConfigurationsStepsAreTrained() throws IOException {
    Sweep sweep = load("axes: {seed: [1, 2]}");
    assertThat(sweep.runs()).hasSize(2);
    assertThat(sweep.runs().get(0).config().training().steps()).isEqualTo(50);
    assertThat(sweep.runs().get(0).config().schedule().warmupSteps()).isEqualTo(7);
    assertThat(sweep.runs().get(0).length()).isNaN();
  }

  @Test
  void overridesAreOfTheSweepOrOfAllRuns() throws IOException {
    Sweep sweep =
        load(
            "sizes: {layers: [2, 4]}",
            "name=other",
            "sizes.layers=range:1:3:1",
            "axes.optimizer.learning_rate=1e-3,2e-3",
            "keys.training.steps=9",
            "keys.schedule.warmup_steps=1");
    assertThat(sweep.config().folder()).isEqualTo("runs/other");
    assertThat(sweep.runs()).hasSize(6);
    assertThat(sweep.runs().get(5).config().training().steps()).isEqualTo(9);
    assertThat(sweep.runs().get(5).config().name()).isEqualTo("layers-3_learning_rate-2e-3");
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      value = {
        "axes: {seed: [x]} | the run {seed=x}: seed must be an integer",
        "axes: {model.widht: [3]} | unknown key \"model.widht\"",
        "axes: {seed: []} | axes.seed must have at least one value, got none",
        "axes: {seed: [[1]]} | axes.seed must be a list of values, got [\"1\"]",
        "lengths: {tokens: [1], flops: [2]} | lengths must have one of flops, tokens_per_parameter and tokens, got 2",
        "lengths: {tokens: [-1]} | a value of lengths.tokens must be above 0, got -1.0",
        "lengths: {tokens: [many]} | a value of lengths.tokens must be a number, got many",
        "lengths: {flops: ['log:1:2']} | a grid of lengths.flops must be log:from:to:count or range:from:to:step, got log:1:2",
        "lengths: {flops: ['log:9:2:3']} | must have 0 < from < to and at least 2 values, got log:9:2:3",
        "sizes: {layers: ['range:3:1:1']} | must have from <= to and a positive step, got range:3:1:1",
        "sizes: {layers: [1.5]} | a value of sizes.layers must be a whole number, got 1.5",
        "sizes: {layers: [1], width_per_layer: 20, head_width: 16} | must be a multiple of sizes.head_width (16), got 20 for 1 layers",
        "size: {layers: [1]} | unknown key \"size\"",
      })
  void mistakesAreNamed(String yaml, String message) {
    assertThatThrownBy(() -> load(yaml))
        .isInstanceOf(UserException.class)
        .hasMessageContaining(message);
  }
}
