package dev.firesteel.spark;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.MethodOrderer;
import org.junit.jupiter.api.Order;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestMethodOrder;
import org.junit.jupiter.api.io.TempDir;

/** A sweep by the command that a user gives, left alone and killed. */
@TestMethodOrder(MethodOrderer.OrderAnnotation.class)
class SweepIT {
  private static final List<String> RUNS =
      List.of("layers-1_seed-1", "layers-1_seed-2", "layers-2_seed-1", "layers-2_seed-2");

  @TempDir private static Path folder;
  private static TinyTraining runs;

  @BeforeAll
  static void write() throws IOException {
    runs = TinyTraining.in(folder, 20);
    Files.writeString(
        folder.resolve("sweep.yaml"),
        """
        config: tiny.yaml
        runs_folder: %s
        keys: {sample: {every: 0}, model: {kv_heads: 1}}
        sizes: {layers: [1, 2], width_per_layer: 16, head_width: 16}
        axes: {seed: [1, 2]}
        """
            .formatted(folder.resolve("runs")));
  }

  @AfterAll
  static void endProcesses() {
    runs.endProcesses();
  }

  private static List<String> arguments(String name, String... overrides) {
    List<String> arguments = new ArrayList<>();
    arguments.addAll(List.of("sweep", "--config", folder.resolve("sweep.yaml").toString()));
    arguments.addAll(List.of("--no-probe", "name=" + name));
    arguments.addAll(List.of(overrides));
    return arguments;
  }

  private static List<JsonNode> table(String name) throws IOException {
    List<JsonNode> rows = new ArrayList<>();
    for (String line : Files.readAllLines(folder.resolve("runs/" + name + "/runs.jsonl"))) {
      rows.add(new ObjectMapper().readTree(line));
    }
    return rows;
  }

  @Test
  @Order(1)
  void trainsAllRunsAndWritesATable() throws Exception {
    // The models of two layers by all executors, one at a time; those of one layer a task each.
    TinyTraining.Ended ended = runs.run("calm", arguments("calm", "distribute_from_flops=1e9"));
    assertThat(ended.exitCode()).as(ended.err() + ended.out()).isZero();
    assertThat(ended.out()).contains("4 of 4 runs are finished", "Finished layers-2_seed-2");
    assertThat(table("calm"))
        .hasSize(4)
        .allSatisfy(
            row -> {
              assertThat(row.get("state").asText()).isEqualTo("finished");
              assertThat(row.get("loss").asDouble()).isBetween(3.0, 8.0);
            });
    try (var files = Files.list(folder.resolve("runs/calm/runs.parquet"))) {
      assertThat(files).anyMatch(file -> file.toString().endsWith(".parquet"));
    }
  }

  @Test
  @Order(2)
  void aKilledSweepGivesTheBytesOfOneLeftAlone() throws Exception {
    Process killed = runs.start("killed", Map.of(), arguments("killed"));
    Instant limit = Instant.now().plus(TinyTraining.LIMIT);
    while (RUNS.stream().noneMatch(SweepIT::hasCheckpoint)) {
      assertThat(killed.isAlive()).as(runs.text("killed.err")).isTrue();
      assertThat(Instant.now()).isBefore(limit);
      Thread.sleep(5);
    }
    killed.destroyForcibly().waitFor();

    TinyTraining.Ended again = runs.run("again", arguments("killed"));
    assertThat(again.exitCode()).as(again.err() + again.out()).isZero();
    assertThat(again.out()).containsPattern("at step \\d+|finished\n");
    for (String run : RUNS) {
      assertThat(runs.result("killed/" + run)).as(run).isEqualTo(runs.result("calm/" + run));
    }
  }

  private static boolean hasCheckpoint(String run) {
    try {
      return runs.lastStep("killed/" + run) > 0;
    } catch (IOException e) {
      throw new AssertionError(e);
    }
  }

  /** Its run directory is a file. */
  @Test
  @Order(3)
  void aFailedRunStopsNoOther() throws Exception {
    Files.createDirectories(folder.resolve("runs/broken"));
    Files.writeString(folder.resolve("runs/broken/layers-2_seed-1"), "in the way");
    TinyTraining.Ended ended = runs.run("broken", arguments("broken"));
    assertThat(ended.exitCode()).as(ended.err() + ended.out()).isEqualTo(1);
    assertThat(ended.out())
        .containsPattern("Failed: layers-2_seed-1: .*layers-2_seed-1.*")
        .contains("3 of 4 runs are finished, 1 failed");
    assertThat(table("broken"))
        .filteredOn(row -> row.get("state").asText().equals("failed"))
        .singleElement()
        .satisfies(row -> assertThat(row.get("error").asText()).contains("layers-2_seed-1"));
  }

  /** The last checkpoint before a run's decay is where the longer one begins. */
  @Test
  @Order(4)
  void branchesGiveTheBytesOfRunsFromTheStartAndSkillsAreMeasured() throws Exception {
    Files.writeString(
        folder.resolve("branches.yaml"),
        """
        config: tiny.yaml
        runs_folder: %s
        keys: {sample: {every: 0}, model: {context_length: 48}, schedule: {kind: wsd}}
        lengths: {tokens: [15360, 7680], warmup_share: 0}
        skill_problems: 4
        """
            .formatted(folder.resolve("runs")));
    List<String> common =
        List.of("sweep", "--config", folder.resolve("branches.yaml").toString(), "--no-probe");
    for (String name : List.of("branched", "whole")) {
      List<String> arguments = new ArrayList<>(common);
      arguments.add("name=" + name);
      arguments.add("lengths.branches=" + name.equals("branched"));
      TinyTraining.Ended ended = runs.run(name, arguments);
      assertThat(ended.exitCode()).as(ended.err() + ended.out()).isZero();
      assertThat(ended.out().contains("Branches save 27 % of the FLOPs"))
          .as(ended.out())
          .isEqualTo(name.equals("branched"));
    }
    assertSame("tokens-7680", 10);
    assertSame("tokens-15360", 20);
    assertThat(table("branched"))
        .hasSize(2)
        .allSatisfy(
            row -> {
              assertThat(row.get("copy_exact_match").asDouble()).isZero();
              assertThat(row.get("addition_log_likelihood").asDouble()).isBetween(-30.0, -1.0);
            });
    assertThat(folder.resolve("runs/branched/emergence.html")).content().contains("brackets");
  }

  /** A branch has other rows of metrics: one where its decay begins, none before it branches. */
  private static void assertSame(String run, int steps) throws Exception {
    Map<String, String> whole = runs.result("whole/" + run);
    Map<String, String> branched = runs.result("branched/" + run);
    branched.keySet().retainAll(whole.keySet());
    assertThat(branched).containsKeys("model.safetensors", "loss of step " + steps);
    assertThat(whole).as(run).containsAllEntriesOf(branched);
  }
}
