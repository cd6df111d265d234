package dev.firesteel.spark.process;

import java.io.PrintStream;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicReference;
import java.util.concurrent.locks.ReentrantLock;
import java.util.function.Supplier;
import org.apache.spark.util.SignalUtils;

/**
 * Handles SIGINT (Ctrl-C) and SIGTERM.
 *
 * <p>A shutdown hook would be too late for a run that wants to save itself: Spark stops its context
 * in one of its own, concurrently. So the signals are caught. While a command {@linkplain #graceful
 * supports a clean shutdown}, the first signal is passed on to it; otherwise, and on the second
 * signal, the process exits with code {@value Failures#INTERRUPTED} through the shutdown hooks,
 * which remove temporary files; a further signal skips them.
 */
public final class Interruption {
  private static final AtomicReference<Runnable> STOP = new AtomicReference<>();
  private static final AtomicBoolean EXITING = new AtomicBoolean();
  private static final ReentrantLock EXIT = new ReentrantLock();
  private static final AtomicBoolean INSTALLED = new AtomicBoolean();

  private Interruption() {}

  /** Takes over the two signals of this process. */
  public static void install(PrintStream err) {
    if (!INSTALLED.compareAndSet(false, true)) {
      return;
    }
    // Spark's own registry: sun.misc.Signal beneath it allows one handler per signal.
    for (String signal : new String[] {"INT", "TERM"}) {
      SignalUtils.register(
          signal,
          () -> {
            received(err);
            return true; // Handled: the JVM's default, to exit at once, must not follow.
          });
    }
  }

  /**
   * Runs {@code work}; meanwhile the first signal runs {@code stop} on the signal's thread. That
   * must only make the work end soon; the command then returns {@link Failures#INTERRUPTED}.
   */
  public static <T> T graceful(Runnable stop, Supplier<T> work) {
    if (!STOP.compareAndSet(null, stop)) {
      throw new IllegalStateException("one command at a time may handle interrupts");
    }
    try {
      return work.get();
    } finally {
      STOP.compareAndSet(stop, null);
    }
  }

  /** Whether the process is exiting at once: later failures are consequences of the exit. */
  static boolean exiting() {
    return EXITING.get();
  }

  /** Runs {@code work}; an exit requested by a signal meanwhile waits for its end. */
  public static <T> T delayingExit(Supplier<T> work) {
    EXIT.lock();
    try {
      return work.get();
    } finally {
      EXIT.unlock();
    }
  }

  private static void received(PrintStream err) {
    Runnable stop = STOP.getAndSet(null);
    if (stop != null) {
      err.println(
          "firesteel: interrupted, shutting down cleanly (interrupt again to exit at once)");
      stop.run();
      return;
    }
    if (!EXITING.compareAndSet(false, true)) {
      Runtime.getRuntime().halt(Failures.INTERRUPTED);
    }
    // Not in the signal's thread: exit waits for the shutdown hooks, and a second signal must be
    // heard.
    new Thread(
            () -> {
              EXIT.lock();
              System.exit(Failures.INTERRUPTED);
            },
            "firesteel-interrupt")
        .start();
  }
}
