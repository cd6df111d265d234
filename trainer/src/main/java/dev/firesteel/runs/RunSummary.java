package dev.firesteel.runs;

import com.fasterxml.jackson.databind.JsonNode;
import dev.firesteel.files.HostName;
import dev.firesteel.metrics.Headline;
import dev.firesteel.metrics.Metrics;
import dev.firesteel.run.RunDirectory;
import dev.firesteel.run.SessionEnd;
import java.time.Duration;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalDouble;
import java.util.OptionalLong;
import java.util.stream.LongStream;
import org.apache.hadoop.fs.Path;

/**
 * A run in the list of runs.
 *
 * @param name path of its directory, from the listed folder on
 * @param path of its directory
 * @param stage such as {@code pretrain}; empty if it is not recorded
 * @param state where it is
 * @param failure why it failed, in one line; empty if it did not
 * @param started of the first session, UTC, ISO 8601; empty if it is not recorded
 * @param updatedMillis when it last wrote metrics or facts, in milliseconds since 1970
 * @param step last logged step; 0 if there is none
 * @param steps that it is to do; 0 if unknown
 * @param tokens trained on
 * @param headline key of the metric by which its stage compares models; empty if unknown
 * @param lessIsBetter whether lower values of it are better
 * @param metrics last values by key
 * @param config keys of its configuration, with values as written
 * @param session facts of the last session: host, versions, hashes
 */
public record RunSummary(
    String name,
    String path,
    String stage,
    RunState state,
    String failure,
    String started,
    long updatedMillis,
    long step,
    long steps,
    long tokens,
    String headline,
    boolean lessIsBetter,
    Map<String, Double> metrics,
    Map<String, String> config,
    JsonNode session) {

  /** The end of metrics.jsonl that is read first: some hundred rows. */
  private static final int TAIL_BYTES = 1 << 17;

  /** A run without a lock or a record of its end is alive if it has written within this time. */
  private static final Duration SILENCE = Duration.ofMinutes(10);

  private static final String NO_END =
      "its process ended without a record, as one that is killed does";

  /**
   * Reads a run.
   *
   * @param name to list it by
   * @param nowMillis the time, in milliseconds since 1970
   */
  static RunSummary of(RunFiles files, String name, long nowMillis) {
    RunDirectory directory = files.directory();
    Map<String, String> config = files.config();
    Optional<Headline> declared = files.headline();
    String headline = declared.map(each -> each.metric().key()).orElse("");
    List<JsonNode> rows = files.rows(TAIL_BYTES);
    if (!headline.isEmpty() && rows.stream().noneMatch(row -> row.has(headline))) {
      rows = files.rows(RunFiles.WHOLE);
    }
    JsonNode last = rows.isEmpty() ? files.facts() : rows.get(rows.size() - 1);
    long step = last.path("step").asLong();
    long steps = number(config.get("training.steps"));
    long updated =
        LongStream.of(
                directory.changed(RunDirectory.METRICS).orElse(0),
                directory.changed(RunDirectory.RUN).orElse(0))
            .max()
            .orElse(0);
    JsonNode session = files.lastSession();
    RunState state = state(files, session, step, steps, nowMillis - updated);
    String failure = session.at("/ended/failure").asText("");
    return new RunSummary(
        name,
        directory.path().toString(),
        files.facts().path("stage").asText(""),
        state,
        state == RunState.FAILED && failure.isEmpty() ? NO_END : failure,
        files.facts().at("/sessions/0/started").asText(""),
        updated,
        step,
        steps,
        last.path("tokens").asLong(),
        headline,
        declared.map(Headline::lessIsBetter).orElse(true),
        lastValues(rows),
        config,
        session);
  }

  private static RunState state(
      RunFiles files, JsonNode session, long step, long steps, long silentMillis) {
    if (!files.isReadable()) {
      return RunState.UNKNOWN;
    }
    String outcome = session.at("/ended/outcome").asText("");
    if (!outcome.isEmpty()) {
      return switch (outcome) {
        case "completed" -> RunState.FINISHED;
        case SessionEnd.FAILED -> RunState.FAILED;
        default -> RunState.STOPPED;
      };
    }
    if (isAlive(files.directory(), session.path("host").asText(""), silentMillis)) {
      return RunState.RUNNING;
    }
    // Releases before 0.1.0 recorded no end.
    return steps > 0 && step >= steps ? RunState.FINISHED : RunState.FAILED;
  }

  private static boolean isAlive(RunDirectory directory, String host, long silentMillis) {
    OptionalLong process = directory.lockedBy();
    if (process.isPresent() && host.equals(HostName.get())) {
      return ProcessHandle.of(process.getAsLong()).map(ProcessHandle::isAlive).orElse(false);
    }
    return silentMillis < SILENCE.toMillis();
  }

  private static Map<String, Double> lastValues(List<JsonNode> rows) {
    Map<String, Double> values = new LinkedHashMap<>();
    for (JsonNode row : rows) {
      row.properties()
          .forEach(
              field -> {
                if (field.getValue().isNumber()) {
                  values.put(field.getKey(), field.getValue().asDouble());
                }
              });
    }
    values.remove("step");
    values.remove("tokens");
    return values;
  }

  private static long number(String text) {
    return text != null && text.matches("\\d{1,18}") ? Long.parseLong(text) : 0;
  }

  /** The last value of the headline metric. */
  public OptionalDouble headlineValue() {
    return metric(headline);
  }

  /** The last training loss. */
  public OptionalDouble loss() {
    return metric(Metrics.LOSS.key());
  }

  /** The last speed. */
  public OptionalDouble tokensPerSecond() {
    return metric(Metrics.TOKENS_PER_SECOND.key());
  }

  private OptionalDouble metric(String key) {
    Double value = metrics.get(key);
    return value == null ? OptionalDouble.empty() : OptionalDouble.of(value);
  }

  /** The last part of the name. */
  public String shortName() {
    return new Path(path).getName();
  }
}
