package dev.firesteel.train;

/**
 * The wish that a run end soon and lose nothing: set by a signal handler or a task's kill, read by
 * the loop once a step. Thread-safe.
 */
public final class StopSignal {
  private volatile boolean requested;

  /** Asks the run to finish the present step, write a checkpoint and end. */
  public void request() {
    requested = true;
  }

  /** Whether {@link #request} was called. */
  public boolean requested() {
    return requested;
  }
}
