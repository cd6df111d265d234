package dev.firesteel.train;

/**
 * The loss on validation text.
 *
 * @param loss mean cross-entropy in nats per token
 * @param bitsPerByte {@code loss / ln 2 x tokens per byte of the validation text}, which compares
 *     models of different tokenizers
 * @param tokens targets that the mean is over
 */
public record EvaluationResult(double loss, double bitsPerByte, long tokens) {
  /** {@code exp(loss)}. */
  public double perplexity() {
    return Math.exp(loss);
  }
}
