package dev.firesteel.track;

import dev.firesteel.train.TrainingEvent;
import java.io.IOException;
import java.time.Duration;
import java.util.concurrent.ArrayBlockingQueue;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicLong;
import java.util.function.Consumer;
import org.apache.hadoop.fs.FSError;

/**
 * Runs a {@link Tracker} on a thread of its own. Events wait in a bounded queue, so that a tracker
 * that is slow costs the training thread nothing; events that find the queue full are dropped and
 * counted.
 */
final class TrackerThread implements AutoCloseable {
  /** Events that may wait. */
  static final int MOST_WAITING = 10_000;

  private static final Duration TICK = Duration.ofSeconds(1);
  private static final Duration AFTER_INTERRUPT = Duration.ofSeconds(2);
  private static final Item END = new Item(null, 0);

  private final String name;
  private final Consumer<String> notices;
  private final Duration patience;
  private final BlockingQueue<Item> queue = new ArrayBlockingQueue<>(MOST_WAITING);
  private final AtomicLong dropped = new AtomicLong();
  private final Thread thread;

  /**
   * An event that waits.
   *
   * @param event null at the end
   */
  private record Item(TrainingEvent event, long millis) {
    boolean isEnd() {
      return event == null;
    }
  }

  /** Makes the tracker, on its thread. */
  @FunctionalInterface
  interface Factory {
    Tracker open() throws IOException;
  }

  /**
   * Starts the thread.
   *
   * @param name of the tracker, for messages
   * @param notices receives messages, from any thread
   * @param patience how long {@link #close} waits for what is still to be delivered
   */
  TrackerThread(String name, Factory factory, Consumer<String> notices, Duration patience) {
    this.name = name;
    this.notices = notices;
    this.patience = patience;
    thread = new Thread(() -> run(factory), "firesteel-tracker-" + name);
    thread.setDaemon(true);
    thread.start();
  }

  /** Queues an event; never waits. */
  void offer(TrainingEvent event) {
    if (thread.isAlive() && !queue.offer(new Item(event, System.currentTimeMillis()))) {
      dropped.incrementAndGet();
    }
  }

  private void run(Factory factory) {
    try (Tracker tracker = factory.open()) {
      long ticked = System.nanoTime();
      for (Item item = next(); item == null || !item.isEnd(); item = next()) {
        if (item != null) {
          tracker.onEvent(item.event(), item.millis());
        }
        if (System.nanoTime() - ticked >= TICK.toNanos()) {
          tracker.onTick();
          ticked = System.nanoTime();
        }
      }
    } catch (InterruptedException e) {
      notices.accept("The tracker %s did not end in time and was stopped".formatted(name));
    } catch (IOException | RuntimeException | FSError | LinkageError e) {
      notices.accept(
          "The tracker %s failed, and the run continues without it: %s"
              .formatted(name, e.getMessage() == null ? e.toString() : e.getMessage()));
    }
  }

  /** Null if none has arrived for a while. */
  private Item next() throws InterruptedException {
    return queue.poll(TICK.toMillis(), TimeUnit.MILLISECONDS);
  }

  /**
   * Waits until the queued events are delivered, at most as long as the patience, and ends the
   * thread. A thread that does not heed its interrupt is left to itself; it is a daemon.
   */
  @Override
  public void close() {
    try {
      if (thread.isAlive()) {
        boolean queued = queue.offer(END, patience.toMillis(), TimeUnit.MILLISECONDS);
        thread.join(queued ? patience.toMillis() : 1);
      }
      if (thread.isAlive()) {
        thread.interrupt();
        thread.join(AFTER_INTERRUPT.toMillis());
      }
    } catch (InterruptedException e) {
      thread.interrupt();
      Thread.currentThread().interrupt();
    }
    if (thread.isAlive()) {
      notices.accept("The tracker %s hangs and is abandoned".formatted(name));
    }
    if (dropped.get() > 0) {
      notices.accept(
          "The tracker %s was too slow: %d events were not delivered; metrics.jsonl has all"
              .formatted(name, dropped.get()));
    }
  }
}
