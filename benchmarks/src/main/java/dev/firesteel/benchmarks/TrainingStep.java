package dev.firesteel.benchmarks;

/**
 * One trainer under measurement: a model with the weights of {@link TrainingShape#SEED}, each call
 * one whole optimizer step on the next batch of {@link TrainingShape#batch}.
 */
interface TrainingStep extends Work {
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

  /** Loss and gradient norm of two steps, the second of which follows an update. */
  @Override
  default double[] check() {
    Result first = step();
    Result second = step();
    return new double[] {first.loss(), first.gradientNorm(), second.loss(), second.gradientNorm()};
  }

  /** A step's loss and gradient norm. */
  @Override
  default double[] run() {
    Result result = step();
    return new double[] {result.loss(), result.gradientNorm()};
  }
}
