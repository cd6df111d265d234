package dev.firesteel.train;

import com.fasterxml.jackson.annotation.JsonSubTypes;
import com.fasterxml.jackson.annotation.JsonTypeInfo;
import dev.firesteel.metrics.Measures;

/** Something that happened in a run, as rank 0 reports it; also as JSON. */
@JsonTypeInfo(use = JsonTypeInfo.Id.NAME, property = "event")
@JsonSubTypes({
  @JsonSubTypes.Type(value = TrainingEvent.Started.class, name = "started"),
  @JsonSubTypes.Type(value = TrainingEvent.StepLogged.class, name = "step_logged"),
  @JsonSubTypes.Type(value = TrainingEvent.Evaluated.class, name = "evaluated"),
  @JsonSubTypes.Type(value = TrainingEvent.CheckpointCommitted.class, name = "checkpoint"),
  @JsonSubTypes.Type(value = TrainingEvent.Sampled.class, name = "sampled"),
  @JsonSubTypes.Type(value = TrainingEvent.StepSkipped.class, name = "step_skipped"),
  @JsonSubTypes.Type(value = TrainingEvent.Notice.class, name = "notice"),
  @JsonSubTypes.Type(value = TrainingEvent.Ended.class, name = "ended")
})
public sealed interface TrainingEvent {
  /** Before the first step. */
  record Started(TrainingPlan plan) implements TrainingEvent {}

  /**
   * A step that is logged.
   *
   * @param step steps done; 0 before the first
   * @param tokens trained on so far
   * @param training numbers of the step; none at step 0
   * @param skipped whether loss or gradient was not finite, and the update was left out
   * @param evaluation numbers of the evaluation at this step; none where there was none
   */
  record StepLogged(long step, long tokens, Measures training, boolean skipped, Measures evaluation)
      implements TrainingEvent {

    /**
     * Checks the numbers.
     *
     * @throws IllegalArgumentException if a metric is reported twice
     */
    public StepLogged {
      training.with(evaluation);
    }
  }

  /** An evaluation; a {@link StepLogged} with the same numbers follows. */
  record Evaluated(long step, Measures measures) implements TrainingEvent {}

  /** A committed checkpoint. */
  record CheckpointCommitted(long step, String directory) implements TrainingEvent {}

  /** A text that the model wrote. */
  record Sampled(long step, String text) implements TrainingEvent {}

  /** An update that was left out because loss or gradient norm was not finite. */
  record StepSkipped(long step, double loss, double gradientNorm) implements TrainingEvent {
    /** The event as a line of text. */
    public String line() {
      return "Skipped the update of step "
          + step
          + ": loss "
          + loss
          + ", gradient norm "
          + gradientNorm;
    }
  }

  /** A line that has no event of its own, such as an ignored half-written checkpoint. */
  record Notice(String line) implements TrainingEvent {}

  /** The end of a run without a failure; its files are written. */
  record Ended(TrainingOutcome outcome, long step) implements TrainingEvent {}
}
