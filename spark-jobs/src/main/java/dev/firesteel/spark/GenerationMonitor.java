package dev.firesteel.spark;

import dev.firesteel.config.ClusterConfig;
import java.time.Duration;
import java.util.Optional;
import org.apache.spark.SparkContext;

/**
 * Looks after a generation from the driver while its job runs: kills the executor of a rank that is
 * silent, and ends the generation in order when there is room for a larger one.
 */
final class GenerationMonitor implements AutoCloseable {
  private static final long PERIOD_MILLIS = 500;

  private final SparkContext context;
  private final GenerationWatch watch;
  private final ClusterConfig limits;
  private final LiveExecutors executors;
  private final int worldSize;
  private final int wanted;
  private final Thread thread = new Thread(this::look, "firesteel-monitor");
  private volatile Heartbeat silenced;
  private volatile boolean askedToGrow;
  private volatile boolean closed;

  /**
   * @param wanted trainers that the run would have if there was room
   */
  GenerationMonitor(
      SparkContext context,
      GenerationWatch watch,
      ClusterConfig limits,
      LiveExecutors executors,
      int worldSize,
      int wanted) {
    this.context = context;
    this.watch = watch;
    this.limits = limits;
    this.executors = executors;
    this.worldSize = worldSize;
    this.wanted = wanted;
  }

  void start() {
    thread.setDaemon(true);
    thread.start();
  }

  private void look() {
    boolean mayGrow = worldSize < wanted && limits.growSeconds() > 0;
    long growPeriod = Duration.ofSeconds(limits.growSeconds()).toNanos();
    long looked = System.nanoTime();
    try {
      while (!closed) {
        Thread.sleep(PERIOD_MILLIS);
        killSilent();
        if (mayGrow && System.nanoTime() - looked > growPeriod) {
          makeRoom();
          looked = System.nanoTime();
        }
      }
    } catch (InterruptedException e) {
      // Closed.
      Thread.currentThread().interrupt();
    }
  }

  private void killSilent() {
    if (silenced == null && !executors.embedded()) {
      watch
          .silent(Duration.ofSeconds(limits.silenceSeconds()))
          .ifPresent(
              rank -> {
                silenced = rank;
                watch.order(Order.ABORT);
                context.killAndReplaceExecutor(rank.executor());
              });
    }
  }

  private void makeRoom() {
    if (executors.trainers() >= wanted && watch.training() == worldSize) {
      askedToGrow = true;
      watch.order(Order.STOP);
    }
  }

  /** The rank that was killed for its silence. */
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
