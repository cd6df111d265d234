package dev.firesteel.optim;

import dev.firesteel.array.NdArray;
import dev.firesteel.backend.ElementwiseKernels;
import dev.firesteel.config.OptimizerConfig;
import dev.firesteel.error.UserException;
import dev.firesteel.nn.Parameter;
import dev.firesteel.nn.ParameterSet;
import dev.firesteel.nn.Segment;
import dev.firesteel.nn.SegmentRange;
import dev.firesteel.optim.Matrices.Matrix;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;

/**
 * Muon (Jordan et al. 2024) for the matrices of hidden layers, and {@link AdamW} for all other
 * parameters: embeddings, output heads, vectors. With G the clipped gradient of a matrix [rows,
 * columns]:
 *
 * <pre>
 * M = momentum M + G        U = G + momentum M, or M without Nesterov's form
 * W -= lr (scale NewtonSchulz(U) + decay W)
 * </pre>
 *
 * <p>The scale is {@code sqrt(max(1, rows / columns))}, or {@code 0.2 sqrt(max(rows, columns))} to
 * match the root mean square of AdamW's updates (Liu et al. 2025, section 2.2); lr is the
 * schedule's rate times {@code matrix_learning_rate_factor}. Matrices that are stacked in one
 * parameter, such as queries, keys and values, are orthogonalized separately.
 *
 * <p>Across ranks, momentum is sharded like AdamW's moments. U is gathered on all ranks, each of
 * which orthogonalizes some of the matrices, and the results are sent to all ranks. A matrix's bits
 * do not depend on the rank that computes it.
 */
public final class Muon implements Optimizer {
  private final ParameterSet parameters;
  private final OptimizerConfig config;
  private final GradientExchange exchange;
  private final AdamW others;
  private final ElementwiseState momentum;
  private final List<SegmentRange> owned;
  private final List<SegmentRange> all = new ArrayList<>();

  /** The largest first, so that those that ranks compute at the same time have similar sizes. */
  private final List<Matrix> matrices = new ArrayList<>();

  private final NewtonSchulz newtonSchulz;
  private final MatrixExchange results;

  /**
   * One rank's part of an optimizer, with momentum and moments 0.
   *
   * @throws UserException if no parameter is a matrix of a hidden layer
   */
  public Muon(ParameterSet parameters, OptimizerConfig config, GradientExchange exchange) {
    this.parameters = parameters;
    this.config = config;
    this.exchange = exchange;
    owned = exchange.owned();
    ParameterGroups groups = new ParameterGroups(config, parameters);
    for (Parameter parameter : parameters.trained()) {
      if (parameter.hidden()) {
        matrices.addAll(Matrices.of(parameter, groups));
        all.add(groups.of(parameter).range());
      }
    }
    if (matrices.isEmpty()) {
      throw UserException.usage(
          "optimizer.kind muon must have matrices of hidden layers to update, got a model without any: set optimizer.kind to adamw");
    }
    matrices.sort(Comparator.comparingInt(Matrix::size).reversed());
    others = new AdamW(parameters, config, owned, parameter -> !parameter.hidden());
    momentum = new ElementwiseState(parameters, groups.runs(owned, Parameter::hidden), "momentum");
    newtonSchulz =
        new NewtonSchulz(
            parameters.backend(),
            parameters.weights().dtype(),
            config.newtonSchulzSteps(),
            matrices.stream().map(Matrix::shape).toList());
    results = new MatrixExchange(parameters, exchange, matrices.get(0).size());
  }

  /** Overwrites the gradients of the matrices with U. */
  @Override
  public void step(Segment gradients, double learningRate, double gradientScale) {
    others.step(gradients, learningRate, gradientScale);
    momentum.update(
        gradients, (run, range, weights, state) -> toDirections(gradientScale, range, state[0]));
    exchange.gather(gradients, all);
    int ranks = exchange.collective().worldSize();
    for (int first = 0; first < matrices.size(); first += ranks) {
      List<Matrix> round = matrices.subList(first, Math.min(matrices.size(), first + ranks));
      int mine = exchange.collective().rank();
      results.share(
          mine < round.size() ? newtonSchulz.orthogonal(round.get(mine).in(gradients)) : null,
          round.stream().map(Matrix::size).toList(),
          (rank, begin, elements) -> update(round.get(rank), begin, elements, learningRate));
    }
    results.finish();
  }

  private void toDirections(double gradientScale, NdArray gradients, NdArray momenta) {
    ElementwiseKernels kernels = parameters.backend().elementwise();
    kernels.scale(config.momentum(), momenta, momenta);
    kernels.addScaled(gradientScale, gradients, momenta);
    if (config.nesterov()) {
      kernels.scale(gradientScale, gradients, gradients);
      kernels.addScaled(config.momentum(), momenta, gradients);
    } else {
      kernels.copy(momenta, gradients);
    }
  }

  /**
   * Updates the owned weights among some elements of a matrix.
   *
   * @param begin index of the first in the matrix
   */
  private void update(Matrix matrix, int begin, NdArray elements, double learningRate) {
    ElementwiseKernels kernels = parameters.backend().elementwise();
    double rate =
        learningRate * config.matrixLearningRateFactor() * matrix.run().learningRateFactor();
    double decay = matrix.run().weightDecay();
    long start = matrix.begin() + begin;
    for (SegmentRange range : owned) {
      long from = Math.max(range.begin(), start);
      long to = Math.min(range.end(), start + elements.size());
      if (from < to) {
        NdArray weights = parameters.weights().range(from, to);
        if (decay != 0) {
          kernels.scale(1 - rate * decay, weights, weights);
        }
        kernels.addScaled(
            -rate * scale(matrix),
            elements.slice((int) (from - start), (int) (to - start)),
            weights);
      }
    }
  }

  private double scale(Matrix matrix) {
    return switch (config.updateScale()) {
      case SHAPE -> Math.sqrt(Math.max(1, (double) matrix.rows() / matrix.columns()));
      case ADAMW_RMS -> 0.2 * Math.sqrt(Math.max(matrix.rows(), matrix.columns()));
    };
  }

  @Override
  public long updates() {
    return others.updates();
  }

  @Override
  public void resumeAfter(long count) {
    others.resumeAfter(count);
  }

  @Override
  public ParameterSet parameters() {
    return parameters;
  }

  @Override
  public List<StateArray> state() {
    List<StateArray> state = new ArrayList<>(others.state());
    state.addAll(momentum.arrays());
    return state;
  }

  @Override
  public long workFloats(int ranks) {
    return newtonSchulz.floats() + MatrixExchange.floats(exchange, ranks, matrices.get(0).size());
  }

  @Override
  public void close() {
    others.close();
    momentum.close();
    newtonSchulz.close();
    results.close();
  }
}
