package dev.firesteel.checkpoint.state;

import dev.firesteel.model.LanguageModel;
import dev.firesteel.nn.Segment;
import dev.firesteel.optim.AdamW;

/**
 * The numbers that one rank writes into a checkpoint: the current ones, or the copy in a {@link
 * TrainingSnapshot}.
 */
public final class RankNumbers {
  private final Segment weights; // null where another rank writes them
  private final OptimizerState moments;

  RankNumbers(Segment weights, OptimizerState moments) {
    this.weights = weights;
    this.moments = moments;
  }

  /** The state itself, which must not change while it is written. */
  public static RankNumbers of(LanguageModel model, AdamW optimizer) {
    return new RankNumbers(model.parameters().weights(), OptimizerState.of(optimizer));
  }

  Segment weights() {
    return weights;
  }

  OptimizerState moments() {
    return moments;
  }
}
