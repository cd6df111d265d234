package dev.firesteel.spark.rpc;

import dev.firesteel.train.RankPhase;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.TreeMap;
import java.util.function.LongSupplier;

/**
 * The driver's view of the ranks of one attempt: their heartbeats and, once they end, their
 * reports; and the driver's orders. Thread-safe.
 */
public final class AttemptWatch {
  private final long number;
  private final LongSupplier nanoTime;
  private final Map<Integer, Heard> ranks = new TreeMap<>();
  private final List<TrainReport> reports = new ArrayList<>();
  private Order order = Order.GO_ON;
  private Long failedNanos; // null until a rank has reported a failure

  /** The last heartbeat of a rank, and when it arrived. */
  private record Heard(Heartbeat beat, long nanos) {}

  public AttemptWatch(long number) {
    this(number, System::nanoTime); // The wall clock may be adjusted while ranks train.
  }

  public AttemptWatch(long number, LongSupplier nanoTime) {
    this.number = number;
    this.nanoTime = nanoTime;
  }

  /** Answers a heartbeat. A rank of another attempt must give up. */
  public synchronized Order heard(Heartbeat beat) {
    if (beat.attempt() != number) {
      return Order.ABORT;
    }
    ranks.put(beat.rank(), new Heard(beat, nanoTime.getAsLong()));
    return order;
  }

  /** A rank has ended; if it failed, all others are aborted. */
  public synchronized void reported(TrainReport report) {
    if (report.attempt() != number) {
      return;
    }
    if (reports.stream().anyMatch(earlier -> earlier.rank() == report.rank())) {
      return; // It arrives again as the task's result.
    }
    reports.add(report);
    ranks.remove(report.rank());
    if (report.isFailure()) {
      order = Order.ABORT;
      if (failedNanos == null) {
        failedNanos = nanoTime.getAsLong();
      }
    }
  }

  /** The answer to all heartbeats from now on; a stricter order takes precedence. */
  public synchronized void order(Order newOrder) {
    if (newOrder.compareTo(order) > 0) {
      order = newOrder;
    }
  }

  /** A rank that has not ended and has sent no heartbeat for longer than {@code limit}. */
  public synchronized Optional<Heartbeat> silent(Duration limit) {
    return ranks.values().stream()
        .filter(heard -> isOlderThan(heard.nanos(), limit))
        .map(Heard::beat)
        .findFirst();
  }

  /** The last heartbeat of the rank that ran on an executor and has not ended. */
  public synchronized Optional<Heartbeat> onExecutor(String executor) {
    return ranks.values().stream()
        .map(Heard::beat)
        .filter(beat -> beat.executor().equals(executor))
        .findFirst();
  }

  /** Whether a rank reported a failure more than {@code limit} ago. */
  public synchronized boolean failedBefore(Duration limit) {
    return failedNanos != null && isOlderThan(failedNanos, limit);
  }

  private boolean isOlderThan(long nanos, Duration limit) {
    return nanoTime.getAsLong() - nanos > limit.toNanos();
  }

  /** How many ranks have sent a heartbeat. */
  public synchronized int heardOf() {
    return ranks.size() + reports.size();
  }

  /** A rank's last known state. */
  public synchronized Optional<Heartbeat> rank(int rank) {
    Heard heard = ranks.get(rank);
    if (heard != null) {
      return Optional.of(heard.beat());
    }
    return reports.stream()
        .filter(report -> report.rank() == rank)
        .map(TrainReport::last)
        .findFirst();
  }

  /** The reports of the ranks that have ended, in order of arrival. */
  public synchronized List<TrainReport> reports() {
    return List.copyOf(reports);
  }

  /** How many ranks are training: connected and not ended. */
  public synchronized int training() {
    return (int)
        ranks.values().stream()
            .filter(heard -> heard.beat().phase() != RankPhase.RENDEZVOUS)
            .count();
  }

  /** The highest step that a rank has reported. */
  public synchronized long step() {
    return Math.max(
        ranks.values().stream().mapToLong(heard -> heard.beat().step()).max().orElse(0),
        reports.stream().mapToLong(TrainReport::step).max().orElse(0));
  }
}
