package dev.firesteel.checkpoint;

import dev.firesteel.model.LanguageModel;
import dev.firesteel.nn.Segment;
import dev.firesteel.optim.AdamW;

/**
 * The numbers that one rank writes into a checkpoint: as they are now, or as a {@link
 * TrainingSnapshot} has copied them.
 */
public final class RankState {
  private final Segment weights; // null where another rank writes them
  private final OptimizerState moments;

  RankState(Segment weights, OptimizerState moments) {
    this.weights = weights;
    this.moments = moments;
  }

  /** The state itself, which must not change while it is written. */
  public static RankState of(LanguageModel model, AdamW optimizer) {
    return new RankState(model.parameters().weights(), OptimizerState.of(optimizer));
  }

  Segment weights() {
    return weights;
  }

  OptimizerState moments() {
    return moments;
  }
}
