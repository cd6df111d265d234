package dev.firesteel.optim;

import dev.firesteel.nn.ParameterSet;
import dev.firesteel.nn.Segment;
import java.util.List;

/**
 * Turns gradients into new weights. Each rank has one, which updates the weights of the ranges that
 * its {@link GradientExchange} owns and holds the state for these (ZeRO-1); their bits do not
 * depend on the number of ranks. {@link Optimizers} creates them.
 */
public interface Optimizer extends AutoCloseable {
  /**
   * Updates the weights of the owned ranges. Every rank calls it for the same steps, since an
   * optimizer may exchange matrices with the other ranks.
   *
   * @param gradients sums over all ranks, valid in the owned ranges; overwritten by some optimizers
   * @param learningRate of this step, after the schedule
   * @param gradientScale factor on the gradients: {@link GradientClipping#scale}
   */
  void step(Segment gradients, double learningRate, double gradientScale);

  /** The number of updates so far. */
  long updates();

  /** Resumes after {@code count} updates whose {@link #state} has been written. */
  void resumeAfter(long count);

  /** The parameters that are updated. */
  ParameterSet parameters();

  /** The arrays that a checkpoint must hold for a bit-identical resume, with unique names. */
  List<StateArray> state();

  /**
   * Floats that a rank holds beside the {@link #state}, for a planner.
   *
   * @param ranks the number of ranks
   */
  default long workFloats(int ranks) {
    return 0;
  }

  /** Releases the memory. */
  @Override
  void close();
}
