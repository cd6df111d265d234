package dev.firesteel.train;

import dev.firesteel.nn.ForwardPass;
import java.util.List;

/** A loss that the host computes, per micro-batch, of outputs of the models' forward passes. */
@FunctionalInterface
public interface HostStepLoss {
  /**
   * A micro-batch's share of the loss of the global batch.
   *
   * @param passes one for each model, in the order of the learners, on one tape
   * @param microBatch index in the global batch, from 0
   */
  TapeLoss of(List<ForwardPass> passes, int microBatch);
}
