package dev.firesteel.sweep;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.firesteel.run.RunDirectory;
import dev.firesteel.run.StepRows;
import dev.firesteel.skills.SkillScores;
import java.nio.charset.StandardCharsets;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalDouble;
import org.apache.hadoop.conf.Configuration;
import org.apache.hadoop.fs.Path;

/**
 * The results of a sweep, {@code runs.jsonl} in its folder: a row for each run, which Spark SQL and
 * the command {@code fit} read. A column that a run has no value for is null.
 *
 * <table>
 *   <caption>Columns</caption>
 *   <tr><td>{@code name}, {@code hash}<td>of the run, of its configuration without the name
 *   <tr><td>{@code state}, {@code error}<td>new, interrupted, finished or failed; why it failed
 *   <tr><td>{@code parameters}, {@code parameters_non_embedding}, {@code parameters_matmul}<td>three
 *       counts, see {@link SweepRun.Size}
 *   <tr><td>{@code steps}, {@code tokens}, {@code horizon_tokens}<td>that the run is trained on;
 *       tokens at which its schedule ends
 *   <tr><td>{@code learning_rate}, {@code batch_tokens}<td>peak learning rate, tokens of a step
 *   <tr><td>{@code flops}, {@code flops_6nd}<td>exact, and 6 N D
 *   <tr><td>{@code loss}, {@code train_loss}<td>last validation loss, last logged training loss, in
 *       nats per token
 *   <tr><td>{@code seconds}<td>sum of the logged steps
 *   <tr><td>{@code copy_exact_match}, {@code copy_log_likelihood}, {@code copy_expected_match}, and of
 *       the other skills<td>see {@link SkillScores.Score}; where skills are measured
 *   <tr><td>{@code axis_...}<td>the values that distinguish the run
 * </table>
 */
public final class SweepTable {
  /** Name of the file. */
  public static final String FILE = "runs.jsonl";

  private static final ObjectMapper JSON = new ObjectMapper();

  private SweepTable() {}

  /**
   * Writes the table.
   *
   * @param failures why runs failed, by name
   */
  public static Path write(SweepPlan plan, Map<String, String> failures, Configuration hadoop) {
    StringBuilder rows = new StringBuilder();
    List<SweepRun> runs = plan.runs();
    for (SweepRun run : runs) {
      rows.append(json(row(run, Optional.ofNullable(failures.get(run.name())), hadoop)))
          .append('\n');
    }
    RunDirectory folder = plan.folder(hadoop);
    folder.replace(FILE, rows.toString().getBytes(StandardCharsets.UTF_8));
    return new Path(folder.path(), FILE);
  }

  /** The columns and their types in SQL. */
  public static String schema(SweepPlan plan) {
    StringBuilder schema =
        new StringBuilder(
            "name STRING, hash STRING, state STRING, error STRING, parameters BIGINT,"
                + " parameters_non_embedding BIGINT, parameters_matmul BIGINT, steps BIGINT,"
                + " tokens BIGINT, horizon_tokens BIGINT, learning_rate DOUBLE,"
                + " batch_tokens BIGINT, flops DOUBLE, flops_6nd DOUBLE, loss DOUBLE, train_loss DOUBLE,"
                + " seconds DOUBLE");
    if (plan.sweep().config().skillProblems() > 0) {
      SkillFile.columns().forEach(column -> schema.append(", ").append(column).append(" DOUBLE"));
    }
    for (String key : plan.runs().get(0).axes().keySet()) {
      boolean numbers =
          plan.runs().stream().allMatch(run -> number(run.axes().get(key)).isPresent());
      schema.append(", ").append(column(key)).append(numbers ? " DOUBLE" : " STRING");
    }
    return schema.toString();
  }

  private static String column(String key) {
    return "axis_" + key.replace('.', '_');
  }

  private static OptionalDouble number(String value) {
    try {
      return OptionalDouble.of(Double.parseDouble(value));
    } catch (NumberFormatException e) {
      return OptionalDouble.empty();
    }
  }

  private static String json(ObjectNode row) {
    try {
      return JSON.writeValueAsString(row);
    } catch (JsonProcessingException e) {
      throw new AssertionError("a tree of plain values can be written", e);
    }
  }

  private static ObjectNode row(SweepRun run, Optional<String> failure, Configuration hadoop) {
    ObjectNode row = JSON.createObjectNode();
    row.put("name", run.name());
    row.put("hash", run.hash());
    row.put("state", failure.isPresent() ? "failed" : run.state().name().toLowerCase(Locale.ROOT));
    row.put("error", failure.orElse(null));
    row.put("parameters", run.size().parameters());
    row.put("parameters_non_embedding", run.size().nonEmbedding());
    row.put("parameters_matmul", run.size().matmul());
    row.put("steps", run.config().training().steps());
    row.put("tokens", run.tokens());
    row.put("horizon_tokens", run.horizonTokens());
    row.put("learning_rate", run.config().optimizer().learningRate());
    row.put("batch_tokens", run.config().training().tokensPerStep());
    row.put("flops", run.flops());
    row.put("flops_6nd", run.flops6nd());
    Results results = results(run, hadoop);
    row.put("loss", run.state() == SweepRun.State.FINISHED ? results.loss() : null);
    row.put("train_loss", results.trainLoss());
    row.put("seconds", results.seconds());
    row.setAll(SkillFile.read(RunDirectory.of(run.config(), hadoop)));
    // A number as a number, so that Spark SQL can compute with it.
    run.axes()
        .forEach(
            (key, value) ->
                number(value)
                    .ifPresentOrElse(
                        number -> row.put(column(key), number), () -> row.put(column(key), value)));
    return row;
  }

  /** What a run's metrics say; null for what they do not have. */
  private record Results(Double loss, Double trainLoss, Double seconds) {}

  private static Results results(SweepRun run, Configuration hadoop) {
    Optional<byte[]> metrics = RunDirectory.of(run.config(), hadoop).read(RunDirectory.METRICS);
    if (metrics.isEmpty()) {
      return new Results(null, null, null);
    }
    Double loss = null;
    Double trainLoss = null;
    double millis = 0;
    long before = 0;
    for (JsonNode row : StepRows.parse(metrics.get(), RunDirectory.METRICS)) {
      long step = row.path("step").asLong();
      loss = row.has("val_loss") ? Double.valueOf(row.get("val_loss").asDouble()) : loss;
      trainLoss = row.has("loss") ? Double.valueOf(row.get("loss").asDouble()) : trainLoss;
      millis += row.path("step_ms").asDouble() * (step - before);
      before = step;
    }
    return new Results(loss, trainLoss, millis / 1000);
  }
}
