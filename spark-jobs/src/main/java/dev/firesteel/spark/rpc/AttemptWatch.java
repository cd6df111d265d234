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
 * What the driver knows of the ranks of one attempt: their heartbeats and, once they end, their
 * reports; and what it orders them to do. Any thread may call it.
 */
public final class AttemptWatch {
  private final long number;
  private final LongSupplier nanoTime;
  private final Map<Integer, Heard> ranks = new TreeMap<>();
  private final List<TrainReport> reports = new ArrayList<>();
  private Order order = Order.GO_ON;
  private Long failedNanos; // null while no rank has told that it did

  /** The last heartbeat of a rank, and when it came. */
  private record Heard(Heartbeat beat, long nanos) {}

  public AttemptWatch(long number) {
    this(number, System::nanoTime); // A clock of the day may be set while ranks train.
  }

  public AttemptWatch(long number, LongSupplier nanoTime) {
    this.number = number;
    this.nanoTime = nanoTime;
  }

  /** Answers a heartbeat. A rank of another attempt is to give up. */
  public synchronized Order heard(Heartbeat beat) {
    if (beat.attempt() != number) {
      return Order.ABORT;
    }
    ranks.put(beat.rank(), new Heard(beat, nanoTime.getAsLong()));
    return order;
  }

  /** A rank has ended; one that failed takes the others along. */
  public synchronized void reported(TrainReport report) {
    if (report.attempt() != number) {
      return;
    }
    if (reports.stream().anyMatch(earlier -> earlier.rank() == report.rank())) {
      return; // It comes again as the task's result.
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

  /** From now on all heartbeats are answered so; a harder order stays. */
  public synchronized void order(Order newOrder) {
    if (newOrder.compareTo(order) > 0) {
      order = newOrder;
    }
  }

  /** A rank that has not ended and was not heard of for longer than {@code limit}. */
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

  /** Whether a rank has told that it failed, longer ago than {@code limit}. */
  public synchronized boolean failedBefore(Duration limit) {
    return failedNanos != null && isOlderThan(failedNanos, limit);
  }

  private boolean isOlderThan(long nanos, Duration limit) {
    return nanoTime.getAsLong() - nanos > limit.toNanos();
  }

  /** How many ranks were heard of. */
  public synchronized int heardOf() {
    return ranks.size() + reports.size();
  }

  /** Where a rank stood when it was heard of last. */
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

  /** How the ranks that have ended did so, in the order in which they told. */
  public synchronized List<TrainReport> reports() {
    return List.copyOf(reports);
  }

  /** How many ranks train: found each other and have not ended. */
  public synchronized int training() {
    return (int)
        ranks.values().stream()
            .filter(heard -> heard.beat().phase() != RankPhase.RENDEZVOUS)
            .count();
  }

  /** The most steps that a rank has told of. */
  public synchronized long step() {
    return Math.max(
        ranks.values().stream().mapToLong(heard -> heard.beat().step()).max().orElse(0),
        reports.stream().mapToLong(TrainReport::step).max().orElse(0));
  }
}
