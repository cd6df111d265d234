package dev.firesteel.train;

/**
 * Hears what a run does, on rank 0, from the thread that trains: methods should return soon. A
 * listener that throws ends the run.
 */
public interface TrainingListener {
  /** Before the first step. */
  default void onStart(TrainingPlan plan) {}

  /** After each step that is logged, its evaluation (if any) included. */
  default void onStep(StepMetrics metrics) {}

  /** After an evaluation; {@link #onStep} with the same result follows. */
  default void onEvaluation(long step, EvaluationResult result) {}

  /** After a checkpoint was committed. */
  default void onCheckpoint(long step, String directory) {}

  /** After the model wrote a text. */
  default void onSample(long step, String text) {}

  /** After an update was left out because loss or gradient norm was not finite. */
  default void onSkip(long step, double loss, double gradientNorm) {}

  /** A line that has no event of its own, such as an ignored half-written checkpoint. */
  default void onNotice(String line) {}

  /** When the run ends without a failure; its files are written. */
  default void onEnd(TrainingOutcome outcome, long step) {}

  /** A listener that passes each event to several, in their order. */
  static TrainingListener all(TrainingListener... listeners) {
    return new ListenerList(listeners);
  }
}
