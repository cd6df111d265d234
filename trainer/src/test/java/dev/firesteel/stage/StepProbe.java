package dev.firesteel.stage;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import dev.firesteel.metrics.Measures;
import dev.firesteel.metrics.Metrics;
import dev.firesteel.nn.ParameterSet;
import dev.firesteel.random.RandomStream;
import dev.firesteel.train.Objective;

/**
 * The loss and the gradient of a stage's step at any weights: one step of plain gradient descent
 * with a learning rate of 1, whose update is undone.
 */
final class StepProbe {
  /** Makes a step subtract the gradient. */
  static final String PLAIN_STEPS =
      "optimizer.kind=sgd optimizer.momentum=0 optimizer.learning_rate=1 training.gradient_clip=0"
          + " schedule.kind=constant schedule.warmup_steps=0";

  /** Of weights; float32 losses of a few units have errors of about 1e-6. */
  private static final double DISTANCE = 2e-3;

  /** What one step computed, before its update. */
  @SuppressWarnings("ArrayRecordComponent") // Never compared.
  record Result(double loss, float[] gradient, Measures measures) {
    double measure(String key) {
      return measures.get(key).orElseThrow();
    }
  }

  private final Objective stage;
  private final ParameterSet parameters;

  private StepProbe(Objective stage) {
    this.stage = stage;
    parameters = stage.models().get(0).model().parameters();
  }

  /** A stage with {@link #PLAIN_STEPS}, initialized. */
  static StepProbe of(Objective stage) {
    return new StepProbe(stage);
  }

  /** Adds random numbers to all weights. */
  void move(double deviation, long seed) {
    RandomStream random = RandomStream.of(seed, "move");
    float[] weights = TinyStage.weights(parameters);
    for (int i = 0; i < weights.length; i++) {
      weights[i] += (float) (deviation * random.nextGaussian());
    }
    TinyStage.setWeights(parameters, weights);
  }

  /** A step at the present weights, which are restored. */
  Result at(long step) {
    float[] before = TinyStage.weights(parameters);
    Objective.Step done = stage.step(step);
    float[] gradient = TinyStage.weights(parameters);
    for (int i = 0; i < gradient.length; i++) {
      gradient[i] = before[i] - gradient[i];
    }
    TinyStage.setWeights(parameters, before);
    return new Result(done.measures().get(Metrics.LOSS).orElseThrow(), gradient, done.measures());
  }

  /**
   * Requires that the loss changes as its gradient says.
   *
   * @param tolerance relative to the gradient's norm
   */
  void requireGradientOfDifferences(double tolerance) {
    float[] gradient = at(0).gradient();
    double norm = 0;
    for (float one : gradient) {
      norm += (double) one * one;
    }
    norm = Math.sqrt(norm);
    assertThat(norm).isGreaterThan(1e-3);
    assertThat(slope(gradient, norm)).isCloseTo(norm, within(tolerance * norm));

    RandomStream random = RandomStream.of(9, "direction");
    float[] direction = new float[gradient.length];
    double length = 0;
    double wanted = 0;
    for (int i = 0; i < direction.length; i++) {
      // Half along the gradient: a direction of thousands of numbers has hardly any slope.
      direction[i] =
          (float) (gradient[i] / norm + random.nextGaussian() / Math.sqrt(direction.length));
      if (i % 2 == 0) {
        direction[i] = 0;
      }
      length += (double) direction[i] * direction[i];
      wanted += (double) direction[i] * gradient[i];
    }
    length = Math.sqrt(length);
    assertThat(slope(direction, length)).isCloseTo(wanted / length, within(tolerance * norm));
  }

  /** The loss's slope in a direction of a length. */
  private double slope(float[] direction, double length) {
    return (lossAt(direction, DISTANCE / length) - lossAt(direction, -DISTANCE / length))
        / (2 * DISTANCE);
  }

  private double lossAt(float[] direction, double factor) {
    float[] before = TinyStage.weights(parameters);
    float[] moved = before.clone();
    for (int i = 0; i < moved.length; i++) {
      moved[i] += (float) (factor * direction[i]);
    }
    TinyStage.setWeights(parameters, moved);
    double loss = at(0).loss();
    TinyStage.setWeights(parameters, before);
    return loss;
  }
}
