package dev.firesteel.optim;

import dev.firesteel.backend.AdamWStep;
import dev.firesteel.backend.Backend;
import dev.firesteel.config.OptimizerConfig;
import dev.firesteel.nn.ParameterSet;
import dev.firesteel.nn.Segment;

/**
 * AdamW (Loshchilov and Hutter 2019, algorithm 2), with g the clipped gradient and t the update's
 * number from 1:
 *
 * <pre>
 * m = beta1 m + (1 - beta1) g        v = beta2 v + (1 - beta2) g^2
 * w -= lr (m / (1 - beta1^t) / (sqrt(v / (1 - beta2^t)) + epsilon) + decay w)
 * </pre>
 *
 * <p>Parameters of rank 2 and more decay, embeddings among them; gains and biases do not. As in
 * PyTorch, and unlike the paper, the schedule also scales the decay.
 */
public final class AdamW implements AutoCloseable {
  private final ParameterSet parameters;
  private final OptimizerConfig config;
  private final Segment firstMoments;
  private final Segment secondMoments;
  private long updates;

  /** An optimizer with moments 0 for allocated parameters. */
  public AdamW(ParameterSet parameters, OptimizerConfig config) {
    this.parameters = parameters;
    this.config = config;
    firstMoments = parameters.newSegment();
    secondMoments = parameters.newSegment();
  }

  /**
   * Updates the weights.
   *
   * @param gradientScale factor on the gradients: {@link GradientClipping#scale}
   */
  public void step(Segment gradients, double learningRate, double gradientScale) {
    updates++;
    long decayed = parameters.decayedSize();
    update(gradients, learningRate, gradientScale, config.weightDecay(), 0, decayed);
    update(gradients, learningRate, gradientScale, 0, decayed, parameters.segmentSize());
  }

  private void update(
      Segment gradients,
      double learningRate,
      double gradientScale,
      double weightDecay,
      long start,
      long end) {
    if (start == end) {
      return;
    }
    AdamWStep step =
        new AdamWStep(
            learningRate,
            config.beta1(),
            config.beta2(),
            config.epsilon(),
            weightDecay,
            updates,
            gradientScale);
    Backend backend = parameters.backend();
    backend.adamW(
        step,
        gradients.range(start, end),
        firstMoments.range(start, end),
        secondMoments.range(start, end),
        parameters.weights().range(start, end));
  }

  /** Updates made so far, which the bias corrections count. */
  public long updates() {
    return updates;
  }

  /** Goes on after {@code count} updates whose moments have been written to the segments. */
  public void resumeAfter(long count) {
    updates = count;
  }

  /** The first moments m. */
  public Segment firstMoments() {
    return firstMoments;
  }

  /** The second moments v. */
  public Segment secondMoments() {
    return secondMoments;
  }

  /** Gives the moments' memory back. */
  @Override
  public void close() {
    firstMoments.close();
    secondMoments.close();
  }
}
