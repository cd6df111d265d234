package dev.firesteel.spark.monitor;

import com.codahale.metrics.Gauge;
import com.codahale.metrics.MetricRegistry;
import dev.firesteel.spark.monitor.RunSnapshot.Numbers;
import dev.firesteel.spark.monitor.RunSnapshot.RankState;
import dev.firesteel.train.RankStep;
import java.util.HashSet;
import java.util.Set;
import java.util.concurrent.atomic.AtomicReference;
import java.util.function.ToDoubleFunction;

/**
 * A run's numbers in Spark's metrics system, for any sinks configured there. Unknown numbers are
 * NaN.
 *
 * <p>The driver has {@code run.*}, including a gauge for each metric by its key, and {@code
 * ranks.<rank>.*} for each rank, because Spark's Prometheus sink serves on the driver only. Each
 * executor in its own process has {@code trainer.*}, the measurements of its rank, for sinks that
 * every process writes to (Graphite, StatsD, JMX, files).
 */
public final class RunGauges {
  private final MetricRegistry registry;
  private final RunStatus status;
  private final Set<String> metrics = new HashSet<>();
  private final Set<Integer> ranks = new HashSet<>();

  private RunGauges(MetricRegistry registry, RunStatus status) {
    this.registry = registry;
    this.status = status;
  }

  /** Registers the run's gauges on the driver. */
  public static RunGauges onDriver(MetricRegistry registry, RunStatus status) {
    RunGauges gauges = new RunGauges(registry, status);
    gauges.run("step", Numbers::step);
    gauges.run("steps", Numbers::steps);
    gauges.run("tokens", Numbers::tokens);
    gauges.run("checkpoint_step", Numbers::checkpointStep);
    gauges.run("attempt", Numbers::attempt);
    gauges.run("world_size", Numbers::worldSize);
    gauges.run("stragglers", Numbers::stragglers);
    gauges.run("seconds_left", Numbers::secondsLeft);
    return gauges;
  }

  /**
   * Registers a metric's gauge, {@code run.<key>}, when it is first reported. A key already used by
   * a gauge above gets no gauge of its own.
   */
  public synchronized void heardOf(String key) {
    if (metrics.add(key) && !registry.getNames().contains("run." + key)) {
      run(key, numbers -> numbers.metric(key));
    }
  }

  /** Registers a rank's gauges when it first reports. */
  public synchronized void heardOf(int rank) {
    if (ranks.add(rank)) {
      ofRank(rank, "step", RankState::step);
      ofRank(rank, "step_millis", RankState::stepMillis);
      ofRank(rank, "compute_millis", RankState::computeMillis);
      ofRank(rank, "communication_millis", RankState::communicationMillis);
      ofRank(rank, "wait_millis", RankState::waitMillis);
      ofRank(rank, "overlap_share", RankState::overlapShare);
      ofRank(rank, "gc_millis", RankState::gcMillis);
      ofRank(rank, "allocated_bytes", RankState::allocatedBytes);
      ofRank(rank, "heap_used_bytes", RankState::heapUsedBytes);
      ofRank(rank, "straggler", state -> state.straggler() ? 1 : 0);
    }
  }

  /**
   * Registers the gauges of the training process; {@code last} contains null before the first
   * report.
   */
  public static void onExecutor(MetricRegistry registry, AtomicReference<RankStep> last) {
    trainer(registry, "rank", last, RankStep::rank);
    trainer(registry, "step", last, RankStep::step);
    trainer(registry, "step_millis", last, RankStep::stepMillis);
    trainer(registry, "compute_millis", last, RankStep::computeMillis);
    trainer(registry, "communication_millis", last, RankStep::communicationMillis);
    trainer(registry, "wait_millis", last, RankStep::waitMillis);
    trainer(registry, "overlap_share", last, RankStep::overlapShare);
    trainer(registry, "gc_millis", last, RankStep::gcMillis);
    trainer(registry, "allocated_bytes", last, RankStep::allocatedBytes);
  }

  private void run(String name, ToDoubleFunction<Numbers> number) {
    register(registry, "run." + name, () -> number.applyAsDouble(status.numbers()));
  }

  private void ofRank(int rank, String name, ToDoubleFunction<RankState> number) {
    register(
        registry,
        "ranks." + rank + "." + name,
        () -> status.rank(rank).map(number::applyAsDouble).orElse(Double.NaN));
  }

  private static void trainer(
      MetricRegistry registry,
      String name,
      AtomicReference<RankStep> last,
      ToDoubleFunction<RankStep> number) {
    register(
        registry,
        "trainer." + name,
        () -> {
          RankStep step = last.get();
          return step == null ? Double.NaN : number.applyAsDouble(step);
        });
  }

  private static void register(MetricRegistry registry, String name, Gauge<Double> gauge) {
    registry.register(name, gauge);
  }
}
