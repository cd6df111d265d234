package dev.firesteel.train;

import com.fasterxml.jackson.databind.JsonNode;
import dev.firesteel.metrics.Measures;
import java.util.List;
import java.util.Optional;

/**
 * A training stage: its models, what one of its steps is, and how it is evaluated. {@link
 * TrainingRun} is the loop around it, which is independent of the stage. {@code docs/stages.md} has
 * an example.
 *
 * <p>Every rank has one, and all ranks call the same method at the same step, so all methods except
 * {@link #sample} and {@link #expectedStepMillis} may call the collective. {@link #step} may depend
 * only on the configuration, the data, the step number and the {@linkplain #cursor cursor}: then a
 * resumed run is bit-identical.
 */
public interface Objective extends AutoCloseable {
  /** The models that checkpoints hold; the first is the one being trained. */
  List<StageModel> models();

  /** Initializes the weights of a new run's models. */
  void initialize();

  /** Validates, before the first step of this process, what could otherwise fail later. */
  default void check() {}

  /**
   * The expected compute time of a step of this rank on this machine, in milliseconds; NaN if
   * unknown. Called once, after the warm-up, between two steps, which need not be the same on all
   * ranks: it may measure, and must not call the collective.
   */
  default double expectedStepMillis() {
    return Double.NaN;
  }

  /**
   * Does one step.
   *
   * @param step steps done before
   */
  Step step(long step);

  /** Evaluates the models; empty if there is no validation data. */
  default Optional<Measures> evaluate() {
    return Optional.empty();
  }

  /**
   * A sample of the model's output; empty if none is wanted. Called on rank 0 only.
   *
   * @param step steps done
   */
  default Optional<String> sample(long step) {
    return Optional.empty();
  }

  /**
   * State needed to resume, in addition to step, weights and moments.
   *
   * @param step steps done
   */
  JsonNode cursor(long step);

  /** Restores what {@link #cursor} returned when the checkpoint was saved. */
  void resume(JsonNode cursor);

  @Override
  void close();

  /**
   * The result of a step.
   *
   * @param measures its measures, in the order of {@link StageInfo#metrics}
   * @param skipped whether an update was skipped because the loss or gradient was not finite; the
   *     measures then include {@code loss} and {@code grad_norm}
   * @param tokens that all ranks trained on, padding excluded
   */
  record Step(Measures measures, boolean skipped, long tokens) {
    /** A step that consists of one update. */
    public static Step of(Update update, long tokens) {
      return new Step(update.measures(), update.skipped(), tokens);
    }
  }
}
