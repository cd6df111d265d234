package dev.firesteel.checkpoint.state;

import dev.firesteel.nn.Segment;

/**
 * The numbers of one model that one rank writes into a checkpoint: as they are now, or as a {@link
 * TrainingSnapshot} has copied them.
 */
public final class RankNumbers {
  private final Segment weights; // null where another rank writes them
  private final OptimizerState moments; // null where the model does not learn

  RankNumbers(Segment weights, OptimizerState moments) {
    this.weights = weights;
    this.moments = moments;
  }

  /** The state itself, which must not change while it is written. */
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
