package dev.firesteel.optim;

import dev.firesteel.array.NdArray;
import dev.firesteel.backend.ElementwiseKernels;
import dev.firesteel.config.OptimizerConfig;
import dev.firesteel.nn.ParameterSet;
import dev.firesteel.nn.Segment;
import dev.firesteel.nn.SegmentRange;
import java.util.List;

/**
 * Stochastic gradient descent with momentum, in PyTorch's form without dampening (Sutskever et al.
 * 2013 for Nesterov's), with g the clipped gradient:
 *
 * <pre>
 * m = momentum m + g        u = m, or g + momentum m for Nesterov's form
 * w -= lr (u + decay w)
 * </pre>
 *
 * <p>The decay is decoupled (SGDW; Loshchilov and Hutter 2019, algorithm 1), where PyTorch adds
 * {@code decay w} to g. Without momentum, u is g, and there is no state.
 */
public final class Sgd implements Optimizer {
  private final ParameterSet parameters;
  private final double momentum;
  private final boolean nesterov;
  private final ElementwiseState state;
  private long updates;

  /**
   * An optimizer for the weights in some ranges, with momentum for these only, initially 0.
   *
   * @param owned in order, none overlapping another
   */
  public Sgd(ParameterSet parameters, OptimizerConfig config, List<SegmentRange> owned) {
    this.parameters = parameters;
    momentum = config.momentum();
    nesterov = config.nesterov();
    List<UpdateRun> runs = new ParameterGroups(config, parameters).runs(owned, parameter -> true);
    state =
        momentum > 0
            ? new ElementwiseState(parameters, runs, "momentum")
            : new ElementwiseState(parameters, runs);
  }

  @Override
  public void step(Segment gradients, double learningRate, double gradientScale) {
    updates++;
    state.update(
        gradients,
        (run, range, weights, momenta) ->
            update(run, learningRate, gradientScale, range, weights, momenta));
  }

  private void update(
      UpdateRun run,
      double learningRate,
      double gradientScale,
      NdArray gradients,
      NdArray weights,
      NdArray[] momenta) {
    ElementwiseKernels kernels = parameters.backend().elementwise();
    double rate = learningRate * run.learningRateFactor();
    if (run.weightDecay() != 0) {
      kernels.scale(1 - rate * run.weightDecay(), weights, weights);
    }
    if (momentum == 0) {
      kernels.addScaled(-rate * gradientScale, gradients, weights);
      return;
    }
    kernels.scale(momentum, momenta[0], momenta[0]);
    kernels.addScaled(gradientScale, gradients, momenta[0]);
    if (nesterov) {
      kernels.addScaled(-rate * gradientScale, gradients, weights);
    }
    kernels.addScaled(nesterov ? -rate * momentum : -rate, momenta[0], weights);
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
    return state.arrays();
  }

  @Override
  public void close() {
    state.close();
  }
}
