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
 * A {@link RunStatus} at one instant.
 *
 * @param state of the run
 * @param plan of the ranks that train or trained last; null before the first
 * @param started when they did; null before the first
 * @param taken when the snapshot was
 * @param now the last numbers
 * @param series the metrics over the step, in the order in which they were first reported
 * @param ranks of the present attempt that have reported, in order
 * @param attempts the last ones, the present one at the end
 * @param checkpoints committed in this application, the newest at the end
 * @param notices the last lines that have no place of their own
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

  /** Where a run stands. */
  enum State {
    /** Nothing has begun to train: data are prepared, or executors awaited. */
    PREPARING,
    /** Ranks train. */
    TRAINING,
    /** The last attempt has ended, and the next one has not begun. */
    STOPPED,
    /** All steps are done. */
    COMPLETED,
    /** Ended by the user, after a checkpoint. */
    INTERRUPTED
  }

  /**
   * The last numbers; NaN where none is known.
   *
   * @param step steps done, as far as was reported
   * @param steps in all; 0 before the plan
   * @param tokens trained on
   * @param metrics the last value of each metric by its key, in the order of the series
   * @param checkpointStep of the last checkpoint; -1 where none was committed in this application
   * @param attempt number of the last one; 0 before the first
   * @param worldSize ranks
   * @param stragglers ranks that are
   * @param secondsLeft at the pace so far
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

    /** The last value of the metric of a key; NaN where none is known. */
    double metric(String key) {
      return metrics.getOrDefault(key, Double.NaN);
    }
  }

  /**
   * A metric over the step.
   *
   * @param metric as the stage declares it
   * @param evaluated whether evaluations report it
   * @param step of its last value
   * @param points its curve
   */
  record Series(Metric metric, boolean evaluated, long step, List<Point> points) {
    /** What a tool needs to draw it. */
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
   * @param executor id that Spark gave the process
   * @param computeRatio recent compute time over the median of all ranks; NaN for a rank alone
   * @param straggler by the rule of {@link RunStatus}
   * @param reported when the driver heard
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
   * @param worldSize how many
   * @param hosts of the ranks that have reported, in their order
   * @param fromStep the step they went on from; -1 before their plan
   * @param began when
   * @param ended when; null while they train
   * @param atStep steps that were done at the end; -1 while they train
   * @param cause of the end; null while they train
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
   * @param step steps done
   * @param directory of its files
   * @param committed when the driver heard
   */
  record SavedCheckpoint(long step, String directory, Instant committed) {}

  /**
   * For tools: the components above in snake case, times in ISO 8601, a number that is not known or
   * not finite as null.
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
