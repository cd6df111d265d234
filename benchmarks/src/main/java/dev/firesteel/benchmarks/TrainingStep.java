package dev.firesteel.benchmarks;

/**
 * One trainer under measurement: a GPT-2 with the weights of {@link TrainingShape#SEED}, each call
 * one whole optimizer step on the next batch of {@link TrainingShape#batch}.
 */
interface TrainingStep extends AutoCloseable {
  double LEARNING_RATE = 3e-4;
  double BETA1 = 0.9;
  double BETA2 = 0.95;
  double EPSILON = 1e-8;

  /** On matrices and embeddings only. */
  double WEIGHT_DECAY = 0.1;

  /** Largest global norm of the gradient. */
  double CLIP_NORM = 1.0;

  /**
   * What a step says about itself.
   *
   * @param loss mean cross-entropy in nats, before the update
   * @param gradientNorm global norm, before clipping
   */
  record Result(double loss, double gradientNorm) {}

  /** Forward, mean cross-entropy, backward, clip by global norm, AdamW. */
  Result step();

  /** Versions and settings, in one line. */
  String description();

  @Override
  void close();
}
