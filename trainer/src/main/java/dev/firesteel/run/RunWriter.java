package dev.firesteel.run;

import dev.firesteel.error.UserException;
import java.time.Duration;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.List;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.FutureTask;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;

/**
 * Writes the run's files other than checkpoints, on a separate thread, in order: a file system that
 * hangs then cannot block the training thread. Each task has a time limit. A failure or timeout is
 * thrown by the next call, whichever it is; after that nothing more is written.
 *
 * <p>All methods are confined to one thread, which is not the writing one.
 */
public final class RunWriter implements AutoCloseable {
  /** Maximum number of queued tasks; {@link #submit} then blocks, so memory is bounded. */
  static final int MOST_WAITING = 1000;

  /** How long the thread may take to end, unless the limit is shorter. */
  private static final Duration STOP = Duration.ofMinutes(1);

  private final Duration limit;
  private final ExecutorService thread;
  private final Deque<Work> waiting = new ArrayDeque<>();
  private final List<Runnable> atEnd = new ArrayList<>();
  private volatile boolean failed;

  /** A task, and when the thread started it. */
  private static final class Work extends FutureTask<Void> {
    private final String doing;
    private long beganNanos;
    private volatile boolean begun; // Publishes the time.

    Work(String doing, Runnable work) {
      super(work, null);
      this.doing = doing;
    }

    @Override
    public void run() {
      beganNanos = System.nanoTime();
      begun = true;
      super.run();
    }

    /** The remaining time; the full limit until the task has started. */
    Duration left(Duration limit) {
      return begun ? limit.minusNanos(System.nanoTime() - beganNanos) : limit;
    }
  }

  /**
   * @param limit of each task ({@code checkpoint.timeout_seconds})
   */
  public RunWriter(Duration limit) {
    this.limit = limit;
    this.thread =
        Executors.newSingleThreadExecutor(
            task -> {
              Thread made = new Thread(task, "firesteel-run-files");
              made.setDaemon(true);
              return made;
            });
  }

  /**
   * Queues a task; blocks only while the queue is full.
   *
   * @param doing for messages, for instance "writing runs/x/metrics.jsonl"
   * @throws UserException if an earlier task failed or hangs
   */
  public void submit(String doing, Runnable work) {
    poll();
    while (waiting.size() >= MOST_WAITING) {
      awaitFirst(limit);
    }
    Work next = new Work(doing, () -> runUnlessFailed(work));
    waiting.addLast(next);
    thread.execute(next);
  }

  private void runUnlessFailed(Runnable work) {
    if (failed) {
      return; // Appending to a half-written row would corrupt the file.
    }
    try {
      work.run();
    } catch (RuntimeException | Error e) {
      failed = true;
      throw e;
    }
  }

  /** Registers an action for when the thread ends, regardless of failures: closing files. */
  public void atEnd(Runnable last) {
    atEnd.add(last);
  }

  /**
   * Checks whether an earlier task failed or hangs; costs next to nothing.
   *
   * @throws UserException if it does
   */
  public void poll() {
    isIdle(Duration.ZERO);
  }

  /**
   * Whether everything submitted is done.
   *
   * @param patience how long to wait for it
   * @throws UserException if it failed, or hangs
   */
  public boolean isIdle(Duration patience) {
    long end = System.nanoTime() + patience.toNanos();
    while (!waiting.isEmpty()) {
      if (!awaitFirst(Duration.ofNanos(Math.max(0, end - System.nanoTime())))) {
        return false;
      }
    }
    return true;
  }

  /**
   * Returns when everything submitted is done.
   *
   * @throws UserException if it failed, or hangs
   */
  public void finish() {
    while (!isIdle(limit)) {
      // A hanging task is ended by its limit.
    }
  }

  /** Whether the oldest task is done within {@code patience}. */
  private boolean awaitFirst(Duration patience) {
    Work first = waiting.getFirst();
    Duration left = first.left(limit);
    try {
      first.get(min(patience, left).toNanos(), TimeUnit.NANOSECONDS);
      waiting.removeFirst();
      return true;
    } catch (TimeoutException e) {
      if (first.left(limit).isNegative()) {
        throw late(first);
      }
      return false;
    } catch (ExecutionException e) {
      waiting.clear();
      if (e.getCause() instanceof Error error) {
        throw error;
      }
      throw (RuntimeException) e.getCause(); // It is a Runnable.
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new IllegalStateException("interrupted while waiting: " + first.doing, e);
    }
  }

  private static Duration min(Duration a, Duration b) {
    return a.compareTo(b) < 0 ? a : b;
  }

  /** Abandons the hanging task, and all queued ones. */
  private UserException late(Work hanging) {
    failed = true;
    waiting.clear();
    hanging.cancel(true);
    return UserException.failure(
        "%s must end within %d s (checkpoint.timeout_seconds), and did not: check its file system, or raise the timeout"
            .formatted(hanging.doing, limit.toSeconds()));
  }

  /**
   * Finishes the queued tasks, closes the files, and ends the thread. Waits a minute at most: a
   * hanging thread is abandoned. What it did not write belongs to no checkpoint.
   *
   * @throws UserException if a remaining task or closing the files failed
   */
  @Override
  public void close() {
    if (atEnd.isEmpty() && waiting.isEmpty()) {
      thread.shutdown();
      return;
    }
    Work last = new Work("closing the files of the run", () -> atEnd.forEach(Runnable::run));
    thread.execute(last);
    thread.shutdown();
    waiting.addLast(last);
    Duration patience = min(limit, STOP);
    try {
      // The limit of a task counts from its start, a moment after this wait began.
      if (!isIdle(patience) && patience.equals(limit) && !failed) {
        throw late(waiting.getFirst());
      }
    } finally {
      awaitEnd(patience);
    }
  }

  private void awaitEnd(Duration patience) {
    try {
      if (!thread.awaitTermination(patience.toNanos(), TimeUnit.NANOSECONDS)) {
        thread.shutdownNow();
      }
    } catch (InterruptedException e) {
      thread.shutdownNow();
      Thread.currentThread().interrupt();
    }
  }
}
