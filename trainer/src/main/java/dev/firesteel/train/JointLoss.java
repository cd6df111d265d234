package dev.firesteel.train;

import dev.firesteel.nn.ForwardPass;
import dev.firesteel.tensor.Tensor;
import java.util.List;

/** The loss of several models on one tape, as {@link StepLoss} is that of one. */
@FunctionalInterface
public interface JointLoss {
  /**
   * The sum of the losses of a micro-batch times {@code scale}, as a scalar on the passes' tape.
   *
   * @param passes one for each model, in the order of the learners
   * @param microBatch index in the global batch, from 0
   * @param scale 1 over the targets of the whole global batch
   */
  Tensor of(List<ForwardPass> passes, int microBatch, double scale);
}
