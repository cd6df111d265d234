package dev.firesteel.train;

import dev.firesteel.metrics.Measures;
import dev.firesteel.metrics.Metrics;

/**
 * The result of an update of the weights.
 *
 * @param loss loss of the global batch before the update
 * @param gradientNorm global 2-norm before clipping
 * @param learningRate learning rate of the update
 * @param skipped whether the update was skipped, leaving the weights unchanged, because the loss or
 *     norm was not finite
 */
public record Update(double loss, double gradientNorm, double learningRate, boolean skipped) {
  /** Loss, learning rate and gradient norm. */
  public Measures measures() {
    return Measures.of(Metrics.LOSS, loss)
        .with(Metrics.LEARNING_RATE, learningRate)
        .with(Metrics.GRADIENT_NORM, gradientNorm);
  }
}
