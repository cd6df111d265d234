package dev.firesteel.checkpoint.state;

import dev.firesteel.nn.Segment;

/**
 * The weights and moments of one model that one rank writes to a checkpoint: either the live state
 * or a copy made by a {@link TrainingSnapshot}.
 */
public final class RankNumbers {
  private final Segment weights; // null if another rank writes them
  private final OptimizerState moments; // null if the model is frozen

  RankNumbers(Segment weights, OptimizerState moments) {
    this.weights = weights;
    this.moments = moments;
  }

  /** The live state, which must not change while it is written. */
  public static RankNumbers of(ModelState state) {
    return new RankNumbers(
        state.model().parameters().weights(),
        state.optimizer() == null ? null : OptimizerState.of(state.optimizer()));
  }

  Segment weights() {
    return weights;
  }

  OptimizerState moments() {
    return moments;
  }
}
