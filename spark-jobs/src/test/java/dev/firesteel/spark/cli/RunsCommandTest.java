package dev.firesteel.spark.cli;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import dev.firesteel.spark.Firesteel;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.apache.parquet.example.data.Group;
import org.apache.parquet.hadoop.ParquetReader;
import org.apache.parquet.hadoop.example.GroupReadSupport;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class RunsCommandTest {
  @TempDir private Path folder;
  private final ByteArrayOutputStream out = new ByteArrayOutputStream();
  private final ByteArrayOutputStream err = new ByteArrayOutputStream();

  @BeforeEach
  void makeRuns() throws IOException {
    run("slow", "0.001", 2.5);
    run("fast", "0.01", 1.5);
  }

  private void run(String name, String rate, double loss) throws IOException {
    Path run = Files.createDirectories(folder.resolve("runs").resolve(name));
    Files.writeString(
        run.resolve("run.json"),
        """
        {"name": "%s", "stage": "pretrain", "sessions": [{"started": "2026-01-01T00:00:00Z",
         "host": "h", "seed": 7, "ended": {"outcome": "completed", "step": 20}}]}
        """
            .formatted(name));
    Files.writeString(
        run.resolve("config.yaml"),
        "name: %s\noptimizer:\n  learning_rate: %s\ntraining:\n  steps: 20\n"
            .formatted(name, rate));
    Files.writeString(
        run.resolve("metrics.jsonl"),
        "{\"step\": 10, \"tokens\": 100, \"loss\": 3.5}\n{\"step\": 20, \"tokens\": 200, \"loss\": %s}\n"
            .formatted(loss));
  }

  private int call(String... arguments) {
    return Firesteel.run(
        arguments,
        new PrintStream(out, true, StandardCharsets.UTF_8),
        new PrintStream(err, true, StandardCharsets.UTF_8));
  }

  private String runs() {
    return folder.resolve("runs").toString();
  }

  @Test
  void listsRuns() {
    assertThat(call("runs", runs(), "--sort", "loss")).isZero();

    assertThat(out.toString(StandardCharsets.UTF_8).lines().map(line -> line.split(" ", 2)[0]))
        .containsExactly("run", "fast", "slow");
  }

  @Test
  void givesJson() throws IOException {
    assertThat(call("runs", runs(), "--json", "--name", "f*")).isZero();

    JsonNode json = new ObjectMapper().readTree(out.toByteArray());
    assertThat(json).hasSize(1);
    assertThat(json.get(0).path("state").asText()).isEqualTo("finished");
  }

  @Test
  void writesATableForSql() throws IOException {
    Path table = folder.resolve("runs.parquet");
    assertThat(call("runs", runs(), "--table", table.toString())).isZero();
    assertThat(call("runs", runs(), "--sort", "name", "--table", table.toString())).isZero();

    List<Group> rows = new ArrayList<>();
    try (ParquetReader<Group> reader =
        ParquetReader.builder(
                new GroupReadSupport(), new org.apache.hadoop.fs.Path(table.toString()))
            .build()) {
      for (Group row = reader.read(); row != null; row = reader.read()) {
        rows.add(row);
      }
    }
    assertThat(rows).extracting(row -> row.getString("name", 0)).containsExactly("fast", "slow");
    Group fast = rows.get(0);
    assertThat(fast.getDouble("loss", 0)).isEqualTo(1.5);
    assertThat(fast.getLong("seed", 0)).isEqualTo(7);
    assertThat(fast.getFieldRepetitionCount("headline_value")).isZero();
    Group config = fast.getGroup("config", 0);
    assertThat(config.getFieldRepetitionCount(0)).isEqualTo(3);
    assertThat(config.getGroup(0, 1).getString("value", 0)).isEqualTo("0.01");
  }

  @Test
  void comparesRuns() throws IOException {
    Path page = folder.resolve("compare.html");
    assertThat(
            call("runs", "compare", runs() + "/slow", runs() + "/fast", "--out", page.toString()))
        .isZero();

    assertThat(page).content().contains("<td>optimizer.learning_rate</td>");
  }

  @Test
  void explainsMistakes() {
    assertThat(call("runs", runs(), "--sort", "beauty")).isEqualTo(2);
    assertThat(call("runs", runs(), "--state", "done")).isEqualTo(2);
    assertThat(call("runs", folder + "/none")).isEqualTo(2);
    assertThat(call("runs", "compare", runs() + "/slow")).isEqualTo(2);
    assertThat(err.toString(StandardCharsets.UTF_8).lines()).hasSize(4);
  }

  @Test
  void nothingWaitsForARunWithoutMlflow() throws IOException {
    Path config = folder.resolve("runs/slow/config.yaml");
    Files.writeString(config, Files.readString(config) + "tracking:\n  tensorboard: 'true'\n");

    assertThat(call("runs", "sync", runs() + "/slow")).isZero();

    assertThat(out.toString(StandardCharsets.UTF_8)).contains("nothing waits");
  }
}
