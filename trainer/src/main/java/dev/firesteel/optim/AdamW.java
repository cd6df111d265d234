package dev.firesteel.optim;

import dev.firesteel.array.NdArray;
import dev.firesteel.backend.AdamWStep;
import dev.firesteel.config.OptimizerConfig;
import dev.firesteel.nn.Parameter;
import dev.firesteel.nn.ParameterSet;
import dev.firesteel.nn.Segment;
import dev.firesteel.nn.SegmentRange;
import java.util.List;
import java.util.function.Predicate;

/**
 * AdamW (Loshchilov and Hutter 2019, algorithm 2), with g the clipped gradient and t the update's
 * number from 1:
 *
 * <pre>
 * m = beta1 m + (1 - beta1) g        v = beta2 v + (1 - beta2) g^2
 * w -= lr (m / (1 - beta1^t) / (sqrt(v / (1 - beta2^t)) + epsilon) + decay w)
 * </pre>
 *
 * <p>As in PyTorch, and unlike the paper, the schedule also scales the decay. With {@link
 * OptimizerConfig#epsilonHat}, epsilon is divided by {@code sqrt(1 - beta2^t)}, so that it stands
 * beside {@code sqrt(v)} ("epsilon hat" of Kingma and Ba 2015, section 2, and of TensorFlow).
 */
public final class AdamW implements Optimizer {
  private final ParameterSet parameters;
  private final OptimizerConfig config;
  private final ElementwiseState moments;
  private long updates;

  /** An optimizer for all trained weights of allocated parameters, with moments 0. */
  public AdamW(ParameterSet parameters, OptimizerConfig config) {
    this(parameters, config, List.of(new SegmentRange(0, parameters.trainedSize())));
  }

  /**
   * An optimizer for the weights in some ranges, with moments for these only, initially 0.
   *
   * @param owned in order, none overlapping another
   */
  public AdamW(ParameterSet parameters, OptimizerConfig config, List<SegmentRange> owned) {
    this(parameters, config, owned, parameter -> true);
  }

  /** As above, for the weights of some parameters. */
  AdamW(
      ParameterSet parameters,
      OptimizerConfig config,
      List<SegmentRange> owned,
      Predicate<Parameter> included) {
    this.parameters = parameters;
    this.config = config;
    moments =
        new ElementwiseState(
            parameters,
            new ParameterGroups(config, parameters).runs(owned, included),
            "first_moments",
            "second_moments");
  }

  @Override
  public void step(Segment gradients, double learningRate, double gradientScale) {
    updates++;
    moments.update(
        gradients,
        (run, range, weights, state) ->
            update(run, learningRate, gradientScale, range, weights, state));
  }

  private void update(
      UpdateRun run,
      double learningRate,
      double gradientScale,
      NdArray gradients,
      NdArray weights,
      NdArray[] state) {
    AdamWStep step =
        new AdamWStep(
            learningRate * run.learningRateFactor(),
            config.beta1(),
            config.beta2(),
            config.epsilonHat()
                ? config.epsilon() / Math.sqrt(1 - Math.pow(config.beta2(), (double) updates))
                : config.epsilon(),
            run.weightDecay(),
            updates,
            gradientScale);
    parameters.backend().optimizer().adamW(step, gradients, state[0], state[1], weights);
  }

  /** The number of updates so far, used in the bias corrections. */
  @Override
  public long updates() {
    return updates;
  }

  @Override
  public void resumeAfter(long count) {
    updates = count;
  }

  @Override
  public ParameterSet parameters() {
    return parameters;
  }

  @Override
  public List<StateArray> state() {
    return moments.arrays();
  }

  @Override
  public void close() {
    moments.close();
  }
}
