package dev.firesteel.train;

import dev.firesteel.metrics.Measures;
import dev.firesteel.metrics.Metrics;

/**
 * What an update of the weights was made of.
 *
 * @param loss of the global batch before the update
 * @param gradientNorm global 2-norm before clipping
 * @param learningRate of the update
 * @param skipped whether loss or norm was not finite, and the weights stayed as they were
 */
public record Update(double loss, double gradientNorm, double learningRate, boolean skipped) {
  /** Loss, learning rate and gradient norm. */
  public Measures measures() {
    return Measures.of(Metrics.LOSS, loss)
        .with(Metrics.LEARNING_RATE, learningRate)
        .with(Metrics.GRADIENT_NORM, gradientNorm);
  }
}
