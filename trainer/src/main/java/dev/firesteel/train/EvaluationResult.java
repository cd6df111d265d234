package dev.firesteel.train;

import dev.firesteel.metrics.Measures;
import dev.firesteel.metrics.Metrics;

/**
 * The loss on the validation set.
 *
 * @param loss mean cross-entropy in nats per token
 * @param bitsPerByte {@code loss / ln 2 x tokens per byte of the validation text}, comparable
 *     between models with different tokenizers
 * @param tokens number of targets averaged over
 */
public record EvaluationResult(double loss, double bitsPerByte, long tokens) {
  /** {@code exp(loss)}. */
  public double perplexity() {
    return Math.exp(loss);
  }

  /** The loss and the bits per byte. */
  public Measures measures() {
    return Measures.of(Metrics.VALIDATION_LOSS, loss).with(Metrics.BITS_PER_BYTE, bitsPerByte);
  }
}
