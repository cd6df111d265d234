package dev.firesteel.train;

import dev.firesteel.nn.ForwardPass;
import dev.firesteel.tensor.Tensor;

/** The loss of one step's global batch, computed per micro-batch. */
@FunctionalInterface
public interface StepLoss {
  /**
   * The sum of the losses of a micro-batch times {@code scale}, as a scalar on the pass's tape.
   *
   * @param microBatch index in the global batch, from 0
   * @param scale 1 over the targets of the whole global batch
   */
  Tensor of(ForwardPass pass, int microBatch, double scale);
}
