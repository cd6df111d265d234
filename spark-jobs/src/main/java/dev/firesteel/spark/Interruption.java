package dev.firesteel.spark;

import java.io.PrintStream;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicReference;
import org.apache.spark.util.SignalUtils;

/**
 * What SIGINT (Ctrl-C) and SIGTERM do.
 *
 * <p>A shutdown hook would be too late for a run that wants to save itself: Spark stops its context
 * in one of its own, at the same time. So the signals are caught. While a command has asked to end
 * {@linkplain #graceful by itself}, the first signal is passed on to it; else, and at the second
 * signal, the process exits at once with code {@value Failures#INTERRUPTED}, by way of the shutdown
 * hooks, which remove what is temporary.
 */
final class Interruption {
  private static final AtomicReference<Runnable> STOP = new AtomicReference<>();
  private static final AtomicBoolean INSTALLED = new AtomicBoolean();

  private Interruption() {}

  /** Takes over the two signals of this process. */
  static void install(PrintStream err) {
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
   * Until the returned handle is closed, the first signal runs {@code stop} in the signal's thread:
   * it must only make the running command end soon, which then returns {@link
   * Failures#INTERRUPTED}.
   */
  static Graceful graceful(Runnable stop) {
    if (!STOP.compareAndSet(null, stop)) {
      throw new IllegalStateException("one command at a time may handle interrupts");
    }
    return () -> STOP.compareAndSet(stop, null);
  }

  /** Ends the handling of interrupts by a command. */
  interface Graceful extends AutoCloseable {
    @Override
    void close();
  }

  private static void received(PrintStream err) {
    Runnable stop = STOP.getAndSet(null);
    if (stop != null) {
      err.println("firesteel: interrupted, ending in order (once more to end at once)");
      stop.run();
      return;
    }
    // Not in the signal's thread: exit waits for the shutdown hooks, and a second signal must be
    // heard.
    new Thread(() -> System.exit(Failures.INTERRUPTED), "firesteel-interrupt").start();
  }
}
