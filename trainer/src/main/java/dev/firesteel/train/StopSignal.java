package dev.firesteel.train;

/**
 * A request that a run end soon without losing work: set by a signal handler or when a task is
 * killed, read by the loop once per step. Thread-safe.
 */
public final class StopSignal {
  private volatile boolean requested;

  /** Asks the run to finish the current step, write a checkpoint and end. */
  public void request() {
    requested = true;
  }

  /** Whether {@link #request} was called. */
  public boolean requested() {
    return requested;
  }
}
