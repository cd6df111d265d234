package dev.firesteel.train;

import dev.firesteel.nn.ForwardPass;
import dev.firesteel.tensor.Tensor;

/** The loss of one step's global batch, which is cut into micro-batches. */
public interface StepLoss {
  /**
   * The denominator of the step's mean loss: the targets of the whole global batch that its mask
   * leaves. Counted in the data, so that every rank knows the same number before the step, however
   * the batch is cut into micro-batches and ranks.
   */
  long targets();

  /**
   * The sum of the losses of a micro-batch times {@code scale}, as a scalar on the tape of the
   * pass.
   *
   * @param microBatch its number in the global batch, from 0
   * @param scale {@code 1 / targets()}
   */
  Tensor of(ForwardPass pass, int microBatch, double scale);
}
