package dev.firesteel.train;

import com.fasterxml.jackson.databind.JsonNode;
import dev.firesteel.metrics.Measures;
import java.util.List;
import java.util.Optional;

/**
 * A training stage: its models, what one of its steps is, and how it is evaluated. {@link
 * TrainingRun} is the loop around it, which knows no stage. {@code docs/stages.md} has an example.
 *
 * <p>Every rank has one and is asked the same at the same step, so methods may call the collective,
 * but for {@link #sample} and {@link #expectedStepMillis}. What {@link #step} computes may depend on the configuration, the data,
 * the step's number and the {@linkplain #cursor cursor}, and on nothing else: then a resumed run
 * repeats to the bit.
 */
public interface Objective extends AutoCloseable {
  /** The models that checkpoints hold; the first is the one that the run is for. */
  List<StageModel> models();

  /** Gives the models of a new run their weights. */
  void initialize();

  /** Checks, before the first step of this process, what could otherwise fail at a later one. */
  default void check() {}

  /**
   * What a step of this rank should take on this machine, in milliseconds of computing; NaN where
   * nothing is expected. Asked once, after the warm-up, between two steps, which need not be the
   * same on all ranks: it may measure, and may not call the collective.
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

  /** Evaluates the models as they are; empty where there is nothing to evaluate on. */
  default Optional<Measures> evaluate() {
    return Optional.empty();
  }

  /**
   * A text that shows what the model can do; empty where none is wanted. On rank 0 alone.
   *
   * @param step steps done
   */
  default Optional<String> sample(long step) {
    return Optional.empty();
  }

  /**
   * What a resume needs to know beside step, weights and moments.
   *
   * @param step steps done
   */
  JsonNode cursor(long step);

  /** Takes what {@link #cursor} gave when the checkpoint was saved. */
  void resume(JsonNode cursor);

  @Override
  void close();

  /**
   * What a step did.
   *
   * @param measures its numbers, in the order of {@link StageInfo#metrics}
   * @param skipped whether an update was left out because loss or gradient was not finite; the
   *     measures then have {@code loss} and {@code grad_norm}
   */
  record Step(Measures measures, boolean skipped) {
    /** A step that is one update. */
    public static Step of(Update update) {
      return new Step(update.measures(), update.skipped());
    }
  }
}
