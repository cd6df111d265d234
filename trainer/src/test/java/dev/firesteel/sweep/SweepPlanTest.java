package dev.firesteel.sweep;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import dev.firesteel.config.PretrainConfig;
import dev.firesteel.config.SweepLoader;
import dev.firesteel.error.UserException;
import dev.firesteel.optim.LearningRateSchedule;
import dev.firesteel.run.RunDirectory;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.apache.hadoop.conf.Configuration;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class SweepPlanTest {
  private static final Configuration HADOOP = new Configuration();

  @TempDir Path folder;

  private SweepPlan plan(String yaml) throws IOException {
    Files.writeString(
        folder.resolve("base.yaml"),
        """
        data: {source: texts}
        model: {layers: 2, width: 32, heads: 2, context_length: 16}
        training: {steps: 5, micro_batch_size: 2, global_batch_size: 4}
        schedule: {warmup_steps: 1}
        """);
    Path file = folder.resolve("sweep.yaml");
    Files.writeString(
        file, "config: base.yaml\nruns_folder: " + folder.resolve("runs") + "\n" + yaml);
    return SweepPlan.of(SweepLoader.load(file, List.of()), config -> 100, 1e9, HADOOP);
  }

  /** 6 P + 12 L H K (T + 1) / 2, with P the weights in matmuls. */
  @Test
  void aBudgetOfFlopsGivesTheTokensOfEachSize() throws IOException {
    SweepPlan plan =
        plan(
            """
            sizes: {layers: [1, 2], width_per_layer: 16, head_width: 16}
            lengths: {flops: [2e9, 1e9]}
            """);
    assertThat(plan.runs()).hasSize(4);
    for (SweepRun run : plan.runs()) {
      SweepRun.Size size = run.size();
      int layers = run.config().model().layers();
      assertThat(size.flopsPerToken())
          .isEqualTo(6.0 * size.matmul() + 12.0 * layers * run.config().model().width() * 17 / 2);
      double half = size.flopsPerToken() * run.config().training().tokensPerStep() / 2;
      assertThat(run.flops()).isCloseTo(Double.parseDouble(run.axes().get("flops")), within(half));
      assertThat(size.parameters() - size.nonEmbedding())
          .as("the embedding and the head of its own, 100 rows each")
          .isEqualTo(2 * 100L * run.config().model().width());
      assertThat(run.horizonTokens()).isEqualTo(run.tokens());
      assertThat(run.flops6nd()).isEqualTo(6.0 * size.parameters() * run.tokens());
    }
    assertThat(plan.runs())
        .extracting(SweepRun::flops)
        .isSortedAccordingTo((a, b) -> Double.compare(b, a));
    assertThat(plan.secondsLeft(2)).isLessThan(plan.secondsLeft(1)).isPositive();
    assertThat(plan.left()).hasSize(4);
  }

  @Test
  void branchesBeginWhereTheShorterRunStartsToDecay() throws IOException {
    String lengths =
        """
        keys: {schedule: {kind: %s, min_learning_rate_ratio: 0}}
        sizes: {layers: [1, 2], width_per_layer: 16, head_width: 16}
        lengths: {tokens: [12800, 3200, 6400], branches: true}
        """;
    SweepPlan plan = plan(lengths.formatted("wsd"));
    assertThat(plan.paths()).hasSize(2);
    for (List<SweepRun> path : plan.paths()) {
      assertThat(path).extracting(SweepRun::tokens).containsExactly(3200L, 6400L, 12800L);
      assertThat(path).extracting(SweepRun::branchStep).containsExactly(0L, 40L, 80L);
      assertThat(path)
          .extracting(run -> run.config().schedule().warmupSteps())
          .as("that of the shortest")
          .containsOnly(3);
      SweepRun longest = path.get(2);
      assertThat(longest.ownFlops()).isCloseTo(longest.flops() * 0.6, within(1.0));
      PretrainConfig before = SweepRun.beforeDecay(longest.config());
      LearningRateSchedule whole = schedule(longest.config());
      LearningRateSchedule constant = schedule(before);
      assertThat(before.training().steps()).isEqualTo(longest.decayStart()).isEqualTo(160);
      for (int step = 0; step < 160; step++) {
        assertThat(constant.at(step)).isEqualTo(whole.at(step));
      }
      assertThat(whole.at(180)).isLessThan(constant.at(180));
    }
    assertThatThrownBy(() -> plan(lengths.formatted("cosine")))
        .isInstanceOf(UserException.class)
        .hasMessageContaining("must have schedule.kind wsd, got cosine");
  }

  private static LearningRateSchedule schedule(PretrainConfig config) {
    return LearningRateSchedule.of(
        config.optimizer(), config.schedule(), config.training().steps());
  }

  @Test
  void runsWithTooFewOrTooManyTokensForEachParameterAreLeftOut() throws IOException {
    String grid =
        """
        sizes: {layers: [1, 2, 3], width_per_layer: 16, head_width: 16}
        lengths: {flops: [2e9, 1e9]%s}
        """;
    SweepPlan all = plan(grid.formatted(""));
    List<Double> ratios =
        all.runs().stream().map(SweepPlanTest::tokensPerParameter).sorted().toList();
    SweepPlan some =
        plan(
            grid.formatted(
                ", min_tokens_per_parameter: %s, max_tokens_per_parameter: %s"
                    .formatted(ratios.get(1), ratios.get(4))));
    assertThat(some.runs()).hasSize(4);
    assertThat(some.runs()).allMatch(run -> ratios.subList(1, 5).contains(tokensPerParameter(run)));
    assertThat(some.leftOut()).hasSize(2).doesNotContainAnyElementsOf(names(some));
    assertThatThrownBy(() -> plan(grid.formatted(", min_tokens_per_parameter: 1e9")))
        .isInstanceOf(UserException.class)
        .hasMessageContaining("a sweep must have a run");
    assertThatThrownBy(
            () ->
                plan(grid.formatted(", min_tokens_per_parameter: 9, max_tokens_per_parameter: 8")))
        .isInstanceOf(UserException.class)
        .hasMessageContaining("0 <= min_tokens_per_parameter < max_tokens_per_parameter");
  }

  private static double tokensPerParameter(SweepRun run) {
    return (double) run.tokens() / run.size().parameters();
  }

  private static List<String> names(SweepPlan plan) {
    return plan.runs().stream().map(SweepRun::name).toList();
  }

  @Test
  void aRunThatComputesTheSameIsSkipped() throws IOException {
    SweepPlan plan = plan("axes: {seed: [1, 2], optimizer.learning_rate: [1e-3, 0.001]}");
    assertThat(plan.runs()).hasSize(2);
    assertThat(plan.duplicates()).hasSize(2);
  }

  @Test
  void aRunWithoutAStepIsRefused() {
    assertThatThrownBy(() -> plan("lengths: {tokens: [3]}"))
        .isInstanceOf(UserException.class)
        .hasMessageContaining("must have 1 to 2147483647 steps of 64 tokens, got 3.00 tokens");
  }

  @Test
  void theTableHasARowForEachRun() throws IOException {
    SweepPlan plan = plan("axes: {seed: [1, 2], schedule.kind: [wsd, cosine]}");
    SweepRun run = plan.runs().get(0);
    RunDirectory.of(run.config(), HADOOP)
        .replace(
            RunDirectory.METRICS,
            """
            {"step":0,"val_loss":5.0}
            {"step":2,"loss":4.5,"step_ms":100.0}
            {"step":5,"loss":4.0,"step_ms":200.0,"val_loss":4.25}
            """
                .getBytes(StandardCharsets.UTF_8));
    SweepTable.write(plan, Map.of(plan.runs().get(1).name(), "it broke"), HADOOP);
    List<JsonNode> rows = new ArrayList<>();
    for (String line : Files.readAllLines(folder.resolve("runs/sweep/runs.jsonl"))) {
      rows.add(new ObjectMapper().readTree(line));
    }
    assertThat(rows).hasSize(4);
    assertThat(rows.get(0).get("state").asText()).isEqualTo("new");
    assertThat(rows.get(0).get("loss").isNull()).as("only of finished runs").isTrue();
    assertThat(rows.get(0).get("train_loss").asDouble()).isEqualTo(4.0);
    assertThat(rows.get(0).get("seconds").asDouble()).isCloseTo(0.8, within(1e-12));
    assertThat(rows.get(1).get("state").asText()).isEqualTo("failed");
    assertThat(rows.get(1).get("error").asText()).isEqualTo("it broke");
    assertThat(rows.get(2).get("axis_schedule_kind").asText()).isIn("wsd", "cosine");
    assertThat(SweepTable.schema(plan)).endsWith("axis_seed DOUBLE, axis_schedule_kind STRING");
  }

  @Test
  void progressCountsRunsAndFlops() throws IOException {
    SweepPlan plan = plan("axes: {seed: [1, 2]}");
    ByteArrayOutputStream out = new ByteArrayOutputStream();
    SweepProgress progress =
        new SweepProgress(plan, new PrintStream(out, true, StandardCharsets.UTF_8), false);
    String first = plan.runs().get(0).name();
    progress.heard(first, 0, Double.NaN);
    progress.heard(first, 3, 4.5);
    SweepProgress.Snapshot snapshot = progress.snapshot();
    assertThat(snapshot.rows())
        .extracting(SweepProgress.Row::state)
        .containsExactly("training", "waiting");
    SweepProgress.Row row = snapshot.rows().get(0);
    assertThat(row.name()).isEqualTo(first);
    assertThat(row.step()).isEqualTo(3);
    assertThat(row.loss()).isEqualTo(4.5);
    assertThat(row.secondsLeft()).isPositive();
    progress.heard(first, 5, 4.25);
    assertThat(progress.snapshot().rows())
        .extracting(SweepProgress.Row::state)
        .containsExactly("waiting", "finished");
    progress.heard(first, 5, 4.25);
    progress.close();
    assertThat(out.toString(StandardCharsets.UTF_8).lines().toList())
        .hasSize(2)
        .satisfies(
            lines -> {
              assertThat(lines.get(0)).isEqualTo("Training " + first);
              assertThat(lines.get(1))
                  .startsWith("Finished " + first)
                  .contains("step 5/5", "loss 4.2500", "1 of 2 runs finished", "50 % of the FLOPs");
            });
  }
}
