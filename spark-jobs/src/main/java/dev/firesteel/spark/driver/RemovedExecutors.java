package dev.firesteel.spark.driver;

import java.util.ArrayList;
import java.util.List;
import org.apache.spark.scheduler.SparkListener;
import org.apache.spark.scheduler.SparkListenerExecutorRemoved;

/** Which executors Spark has lost, and why. Called on one of Spark's threads. */
final class RemovedExecutors extends SparkListener {
  private final List<Removed> removed = new ArrayList<>();

  /** One of them, with Spark's reason. */
  record Removed(String executor, String reason) {}

  @Override
  public synchronized void onExecutorRemoved(SparkListenerExecutorRemoved event) {
    removed.add(new Removed(event.executorId(), event.reason()));
  }

  /** Those since the last call, in order. */
  synchronized List<Removed> drain() {
    List<Removed> all = List.copyOf(removed);
    removed.clear();
    return all;
  }
}
