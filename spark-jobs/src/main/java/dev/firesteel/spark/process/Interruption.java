package dev.firesteel.spark.process;

import java.io.PrintStream;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicReference;
import java.util.concurrent.locks.ReentrantLock;
import java.util.function.Supplier;
import org.apache.spark.util.SignalUtils;

/**
 * What SIGINT (Ctrl-C) and SIGTERM do.
 *
 * <p>A shutdown hook would be too late for a run that wants to save itself: Spark stops its context
 * in one of its own, at the same time. So the signals are caught. While a command has asked to end
 * {@linkplain #graceful by itself}, the first signal is passed on to it; else, and at the second
 * signal, the process exits with code {@value Failures#INTERRUPTED}, by way of the shutdown hooks,
 * which remove what is temporary; one more signal does without them.
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
    // Spark's own registry: sun.misc.Signal beneath it takes one handler for each signal.
    for (String signal : new String[] {"INT", "TERM"}) {
      SignalUtils.register(
          signal,
          () -> {
            received(err);
            return true; // Handled: the JVM's own answer, to exit at once, must not follow.
          });
    }
  }

  /**
   * Does {@code work}; meanwhile the first signal runs {@code stop} in the signal's thread. That
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

  /** Whether the process is exiting at once: what fails from then on, fails because of the exit. */
  static boolean exiting() {
    return EXITING.get();
  }

  /** Does {@code work}; the exit that a signal asks for meanwhile waits for its end. */
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
