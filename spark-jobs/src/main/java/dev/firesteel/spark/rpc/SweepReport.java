package dev.firesteel.spark.rpc;

import dev.firesteel.train.TrainingOutcome;

/** How a run of a sweep ended: the result of its task. */
public final class SweepReport {
  private String run;
  private String outcome;
  private String failure;

  /** For Kryo. */
  public SweepReport() {}

  private SweepReport(String run, String outcome, String failure) {
    this.run = run;
    this.outcome = outcome;
    this.failure = failure;
  }

  /** Of a run whose loop ended normally. */
  public static SweepReport ended(String run, TrainingOutcome outcome) {
    return new SweepReport(run, outcome.name(), "");
  }

  /**
   * Of a run that ended with an exception.
   *
   * @param failure one sentence
   */
  public static SweepReport failed(String run, String failure) {
    return new SweepReport(run, "", failure);
  }

  public String run() {
    return run;
  }

  /** Whether it was trained to its last step. */
  public boolean isCompleted() {
    return outcome.equals(TrainingOutcome.COMPLETED.name());
  }

  /** Why it failed; empty if it did not. */
  public String failure() {
    return failure;
  }
}
