package dev.firesteel.train;

/** How a run ended that did not fail. */
public enum TrainingOutcome {
  /** All steps are done. */
  COMPLETED,
  /** A {@link StopSignal} ended it after a checkpoint; the process exits with 130. */
  INTERRUPTED
}
