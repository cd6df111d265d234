package dev.firesteel.optim;

import dev.firesteel.backend.LionStep;
import dev.firesteel.config.OptimizerConfig;
import dev.firesteel.nn.ParameterSet;
import dev.firesteel.nn.Segment;
import dev.firesteel.nn.SegmentRange;
import java.util.List;

/**
 * Lion (Chen et al. 2023, algorithm 2), with g the clipped gradient:
 *
 * <pre>
 * w -= lr (sign(beta1 m + (1 - beta1) g) + decay w)        m = beta2 m + (1 - beta2) g
 * </pre>
 */
public final class Lion implements Optimizer {
  private final ParameterSet parameters;
  private final OptimizerConfig config;
  private final ElementwiseState momentum;
  private long updates;

  /**
   * An optimizer for the weights in some ranges, with momentum for these only, initially 0.
   *
   * @param owned in order, none overlapping another
   */
  public Lion(ParameterSet parameters, OptimizerConfig config, List<SegmentRange> owned) {
    this.parameters = parameters;
    this.config = config;
    momentum =
        new ElementwiseState(
            parameters,
            new ParameterGroups(config, parameters).runs(owned, parameter -> true),
            "momentum");
  }

  @Override
  public void step(Segment gradients, double learningRate, double gradientScale) {
    updates++;
    momentum.update(
        gradients,
        (run, range, weights, state) -> {
          LionStep step =
              new LionStep(
                  learningRate * run.learningRateFactor(),
                  config.beta1(),
                  config.beta2(),
                  run.weightDecay(),
                  gradientScale);
          parameters.backend().optimizer().lion(step, range, state[0], weights);
        });
  }

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
    return momentum.arrays();
  }

  @Override
  public void close() {
    momentum.close();
  }
}
