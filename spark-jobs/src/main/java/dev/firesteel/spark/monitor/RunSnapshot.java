package dev.firesteel.spark.monitor;

import com.fasterxml.jackson.annotation.JsonValue;
import com.fasterxml.jackson.core.JsonGenerator;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.JsonSerializer;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.PropertyNamingStrategies;
import com.fasterxml.jackson.databind.SerializerProvider;
import com.fasterxml.jackson.databind.json.JsonMapper;
import com.fasterxml.jackson.databind.module.SimpleModule;
import com.fasterxml.jackson.databind.ser.std.ToStringSerializer;
import dev.firesteel.chart.Curve.Point;
import dev.firesteel.metrics.Metric;
import dev.firesteel.train.TrainingPlan;
import java.io.IOException;
import java.time.Instant;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/**
 * A snapshot of {@link RunStatus}.
 *
 * @param state state of the run
 * @param plan plan of the current or last attempt; null before the first
 * @param started start time of that attempt; null before the first
 * @param taken time of the snapshot
 * @param now the latest numbers
 * @param series the metrics by step, in the order in which they were first reported
 * @param ranks ranks of the current attempt that have reported, in order
 * @param attempts the most recent attempts, the current one last
 * @param checkpoints committed in this application, newest last
 * @param notices the most recent notices
 */
public record RunSnapshot(
    State state,
    TrainingPlan plan,
    Instant started,
    Instant taken,
    Numbers now,
    List<Series> series,
    List<RankState> ranks,
    List<Attempt> attempts,
    List<SavedCheckpoint> checkpoints,
    List<String> notices) {

  private static final ObjectMapper JSON =
      JsonMapper.builder()
          .propertyNamingStrategy(PropertyNamingStrategies.SNAKE_CASE)
          .addModule(
              new SimpleModule()
                  .addSerializer(Double.TYPE, new FiniteOrNull())
                  .addSerializer(Double.class, new FiniteOrNull())
                  .addSerializer(Instant.class, ToStringSerializer.instance))
          .build();

  /** The state of a run. */
  enum State {
    /** Training has not started: data is being prepared, or the driver waits for executors. */
    PREPARING,
    /** Ranks are training. */
    TRAINING,
    /** The last attempt has ended, and the next one has not started. */
    STOPPED,
    /** All steps are completed. */
    COMPLETED,
    /** Stopped by the user, after a checkpoint. */
    INTERRUPTED
  }

  /**
   * The latest numbers; NaN if unknown.
   *
   * @param step number of completed steps reported so far
   * @param steps total number of steps; 0 before the plan
   * @param tokens tokens trained on
   * @param metrics the last value of each metric by its key, in the order of the series
   * @param checkpointStep step of the last checkpoint; -1 if none was committed in this application
   * @param attempt number of the last attempt; 0 before the first
   * @param worldSize number of ranks
   * @param stragglers number of stragglers
   * @param secondsLeft estimated time left at the pace so far
   */
  record Numbers(
      long step,
      long steps,
      long tokens,
      Map<String, Double> metrics,
      long checkpointStep,
      int attempt,
      int worldSize,
      int stragglers,
      double secondsLeft) {

    /** The last value of the metric with a key; NaN if unknown. */
    double metric(String key) {
      return metrics.getOrDefault(key, Double.NaN);
    }
  }

  /**
   * A metric by step.
   *
   * @param metric the metric, as declared by the stage
   * @param evaluated whether evaluations report it
   * @param step step of its last value
   * @param points its curve
   */
  record Series(Metric metric, boolean evaluated, long step, List<Point> points) {
    /** The data that a tool needs to plot it. */
    @JsonValue
    Map<String, Object> json() {
      Map<String, Object> json = new LinkedHashMap<>();
      json.put("key", metric.key());
      json.put("label", metric.label());
      json.put("unit", metric.unit().symbol());
      json.put("chart", metric.chart());
      json.put("points", points);
      return json;
    }
  }

  /**
   * A rank's last report: see {@link dev.firesteel.train.RankStep}.
   *
   * @param executor Spark's executor id of the process
   * @param computeRatio recent compute time over the median of all ranks; NaN for a single rank
   * @param straggler by the rule of {@link RunStatus}
   * @param reported when the driver received it
   */
  record RankState(
      int rank,
      String host,
      String executor,
      long step,
      double stepMillis,
      double computeMillis,
      double communicationMillis,
      double waitMillis,
      double overlapShare,
      double gcMillis,
      double allocatedBytes,
      long heapUsedBytes,
      double computeRatio,
      boolean straggler,
      Instant reported) {}

  /**
   * Ranks that trained together.
   *
   * @param number from 1
   * @param worldSize number of ranks
   * @param hosts hosts of the ranks that have reported, in rank order
   * @param fromStep step that they resumed from; -1 before their plan
   * @param began start time
   * @param ended end time; null while they train
   * @param atStep number of completed steps at the end; -1 while they train
   * @param cause reason for the end; null while they train
   */
  record Attempt(
      int number,
      int worldSize,
      List<String> hosts,
      long fromStep,
      Instant began,
      Instant ended,
      long atStep,
      String cause) {

    static Attempt started(int number, int worldSize, Instant when) {
      return new Attempt(number, worldSize, List.of(), -1, when, null, -1, null);
    }

    Attempt on(List<String> newHosts) {
      return new Attempt(number, worldSize, newHosts, fromStep, began, ended, atStep, cause);
    }

    Attempt from(long step) {
      return new Attempt(number, worldSize, hosts, step, began, ended, atStep, cause);
    }

    Attempt endedAt(Instant when, long step, String why) {
      return new Attempt(number, worldSize, hosts, fromStep, began, when, step, why);
    }
  }

  /**
   * A committed checkpoint.
   *
   * @param step number of completed steps
   * @param directory directory of its files
   * @param committed when the driver was notified
   */
  record SavedCheckpoint(long step, String directory, Instant committed) {}

  /**
   * JSON for tools: the components above in snake case, times in ISO 8601, and unknown or
   * non-finite numbers as null.
   */
  JsonNode json() {
    return JSON.valueToTree(this);
  }

  private static final class FiniteOrNull extends JsonSerializer<Double> {
    @Override
    public void serialize(Double value, JsonGenerator json, SerializerProvider provider)
        throws IOException {
      if (Double.isFinite(value)) {
        json.writeNumber(value);
      } else {
        json.writeNull();
      }
    }
  }
}
