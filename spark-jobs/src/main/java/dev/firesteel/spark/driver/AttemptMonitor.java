package dev.firesteel.spark.driver;

import dev.firesteel.config.ClusterConfig;
import dev.firesteel.config.StageConfig;
import dev.firesteel.spark.rpc.AttemptWatch;
import dev.firesteel.spark.rpc.Heartbeat;
import dev.firesteel.spark.rpc.Order;
import java.time.Duration;
import java.util.Optional;
import java.util.concurrent.TimeUnit;
import java.util.function.BooleanSupplier;
import org.apache.spark.SparkContext;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Monitors an attempt from the driver while its job runs: kills the executor of an unresponsive
 * rank, cancels a job whose tasks cannot start or do not end, and ends the attempt cleanly when
 * there is room for a larger one.
 */
final class AttemptMonitor implements AutoCloseable {
  private static final long PERIOD_MILLIS = 500;

  /** Time for ranks that were notified of a failure to end by themselves. */
  private static final Duration GRACE = Duration.ofSeconds(20);

  /** Time for tasks to start and meet, if there is room for them. */
  private static final long START_NANOS = TimeUnit.MINUTES.toNanos(2);

  private static final Logger LOG = LoggerFactory.getLogger(AttemptMonitor.class);

  private final SparkContext context;
  private final String jobGroup;
  private final AttemptWatch watch;
  private final StageConfig config;
  private final ClusterConfig limits;
  private final LiveExecutors executors;
  private final boolean embedded;
  private final int worldSize;
  private final Duration growInterval;
  private final BooleanSupplier stopRequested;
  private final Thread thread = new Thread(this::look, "firesteel-monitor");
  private volatile Heartbeat silenced;
  private volatile boolean askedToGrow;
  private volatile boolean closed;

  /**
   * @param jobGroup of the attempt's job, which is cancelled when its tasks do not end
   * @param growInterval how often to check whether there is room for a larger attempt; zero: never
   * @param stopRequested whether the run should stop
   */
  AttemptMonitor(
      SparkContext context,
      String jobGroup,
      AttemptWatch watch,
      StageConfig config,
      LiveExecutors executors,
      int worldSize,
      Duration growInterval,
      BooleanSupplier stopRequested) {
    this.context = context;
    this.jobGroup = jobGroup;
    this.watch = watch;
    this.config = config;
    this.limits = config.cluster();
    this.executors = executors;
    this.embedded = executors.embedded();
    this.worldSize = worldSize;
    this.growInterval = growInterval;
    this.stopRequested = stopRequested;
  }

  void start() {
    thread.setDaemon(true);
    thread.start();
  }

  private void look() {
    long began = System.nanoTime();
    long looked = began;
    while (!closed) {
      try {
        Thread.sleep(PERIOD_MILLIS);
        killSilent();
        endWhatCannotGoOn(System.nanoTime() - began);
        if (!growInterval.isZero() && System.nanoTime() - looked > growInterval.toNanos()) {
          looked = System.nanoTime();
          makeRoom();
        }
      } catch (InterruptedException e) {
        Thread.currentThread().interrupt();
        return; // Closed.
      } catch (RuntimeException e) {
        LOG.warn("Looking after the trainers failed, and is tried again", e);
      }
    }
  }

  private void killSilent() {
    if (silenced != null || embedded) {
      return;
    }
    Optional<Heartbeat> rank = watch.silent(Duration.ofSeconds(limits.silenceSeconds()));
    if (rank.isPresent()) {
      silenced = rank.get();
      watch.order(Order.ABORT);
      if (!context.killAndReplaceExecutor(silenced.executor())) {
        LOG.warn("Spark did not kill the executor of {}, which is silent", silenced.who());
      }
      context.cancelJobGroup(jobGroup);
    }
  }

  /** Spark waits indefinitely for tasks that hang or cannot start. */
  private void endWhatCannotGoOn(long nanosSinceStart) {
    boolean late =
        watch.heardOf() < worldSize
            && nanosSinceStart > TimeUnit.SECONDS.toNanos(limits.waitSeconds()) + START_NANOS;
    boolean unheard = watch.heardOf() < worldSize && stopRequested.getAsBoolean();
    if (late || unheard || watch.failedBefore(GRACE)) {
      context.cancelJobGroup(jobGroup);
    }
  }

  private void makeRoom() {
    if (watch.training() == worldSize
        && WorldSize.choose(config, executors.trainers()) > worldSize) {
      askedToGrow = true;
      watch.order(Order.STOP);
    }
  }

  /** The rank that was killed for missing heartbeats. */
  Optional<Heartbeat> silenced() {
    return Optional.ofNullable(silenced);
  }

  /** Whether the ranks were asked to end because there is room for more of them. */
  boolean askedToGrow() {
    return askedToGrow;
  }

  @Override
  public void close() {
    closed = true;
    thread.interrupt();
  }
}
