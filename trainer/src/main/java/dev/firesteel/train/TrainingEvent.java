package dev.firesteel.train;

import com.fasterxml.jackson.annotation.JsonSubTypes;
import com.fasterxml.jackson.annotation.JsonTypeInfo;
import dev.firesteel.metrics.Histogram;
import dev.firesteel.metrics.Measures;
import java.util.List;

/** An event of a run, reported by rank 0; can be sent as JSON. */
@JsonTypeInfo(use = JsonTypeInfo.Id.NAME, property = "event")
@JsonSubTypes({
  @JsonSubTypes.Type(value = TrainingEvent.Started.class, name = "started"),
  @JsonSubTypes.Type(value = TrainingEvent.StepLogged.class, name = "step_logged"),
  @JsonSubTypes.Type(value = TrainingEvent.Evaluated.class, name = "evaluated"),
  @JsonSubTypes.Type(value = TrainingEvent.CheckpointCommitted.class, name = "checkpoint"),
  @JsonSubTypes.Type(value = TrainingEvent.Sampled.class, name = "sampled"),
  @JsonSubTypes.Type(value = TrainingEvent.Histograms.class, name = "histograms"),
  @JsonSubTypes.Type(value = TrainingEvent.StepSkipped.class, name = "step_skipped"),
  @JsonSubTypes.Type(value = TrainingEvent.Notice.class, name = "notice"),
  @JsonSubTypes.Type(value = TrainingEvent.Ended.class, name = "ended")
})
public sealed interface TrainingEvent {
  /** Before the first step. */
  record Started(TrainingPlan plan) implements TrainingEvent {}

  /**
   * A logged step.
   *
   * @param step number of completed steps; 0 before the first
   * @param tokens trained on so far
   * @param training measures of the step; empty at step 0
   * @param skipped whether the update was skipped because the loss or gradient was not finite
   * @param evaluation measures of the evaluation at this step; empty if there was none
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

  /** An evaluation; a {@link StepLogged} with the same measures follows. */
  record Evaluated(long step, Measures measures) implements TrainingEvent {}

  /** A committed checkpoint. */
  record CheckpointCommitted(long step, String directory) implements TrainingEvent {}

  /** A text that the model generated. */
  record Sampled(long step, String text) implements TrainingEvent {}

  /**
   * The distributions of weights after a step, and of the gradients of its last update before
   * clipping, summed over all ranks.
   *
   * @param histograms named {@code weights/...} and {@code gradients/...}, after the parameters;
   *     those of further models begin with the model's name
   */
  record Histograms(long step, List<Histogram> histograms) implements TrainingEvent {
    public Histograms {
      histograms = List.copyOf(histograms);
    }
  }

  /** An update that was skipped because the loss or gradient norm was not finite. */
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

  /** A message without an event type of its own, such as an ignored incomplete checkpoint. */
  record Notice(String line) implements TrainingEvent {}

  /** The run ended without a failure; its files are written. */
  record Ended(TrainingOutcome outcome, long step) implements TrainingEvent {}
}
