package dev.firesteel.spark;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;

/** The rows of a run's {@code metrics.jsonl}. */
final class MetricRows {
  private static final ObjectMapper JSON = new ObjectMapper();

  private MetricRows() {}

  static List<JsonNode> of(Path run) throws IOException {
    List<JsonNode> rows = new ArrayList<>();
    for (String line : Files.readAllLines(run.resolve("metrics.jsonl"))) {
      rows.add(JSON.readTree(line));
    }
    return rows;
  }

  /** A number of the row of a step that has it. */
  static double number(Path run, int step, String key) throws IOException {
    return of(run).stream()
        .filter(row -> row.path("step").asInt() == step && row.has(key))
        .findFirst()
        .orElseThrow(() -> new AssertionError("%s has no %s at step %d".formatted(run, key, step)))
        .path(key)
        .asDouble();
  }
}
