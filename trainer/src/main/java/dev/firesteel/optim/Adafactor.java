package dev.firesteel.optim;

import dev.firesteel.array.DType;
import dev.firesteel.array.HostMemory;
import dev.firesteel.array.NdArray;
import dev.firesteel.array.Shape;
import dev.firesteel.backend.Backend;
import dev.firesteel.config.OptimizerConfig;
import dev.firesteel.nn.Parameter;
import dev.firesteel.nn.ParameterSet;
import dev.firesteel.nn.Segment;
import dev.firesteel.nn.SegmentRange;
import dev.firesteel.optim.Matrices.Matrix;
import java.util.ArrayList;
import java.util.List;

/**
 * Adafactor (Shazeer and Stern 2018, algorithm 4) without momentum, with G the clipped gradient of
 * a matrix [rows, columns] and t the update's number from 1:
 *
 * <pre>
 * b = 1 - t^-decayExponent
 * R = b R + (1 - b) mean over columns of (G^2 + epsilon)
 * C = b C + (1 - b) mean over rows of (G^2 + epsilon)
 * U = G / sqrt(R C^T / mean(R))        U = U / max(1, rms(U) / clipThreshold)
 * W -= lr (U + decay W)
 * </pre>
 *
 * <p>The second moment of a vector is not factored: {@code V = b V + (1 - b) (G^2 + epsilon), U = G
 * / sqrt(V)}. With {@code relativeStep}, the rate is multiplied by {@code max(1e-3, rms(W))}: the
 * schedule gives the paper's relative step size. Matrices that are stacked in one parameter, such
 * as queries, keys and values, have their own moments and clipping.
 *
 * <p>The state is so small that every rank holds all of it. Across ranks, the gradients are
 * gathered on all, and each rank updates the weights that it owns.
 */
public final class Adafactor implements Optimizer {
  /** The paper's second epsilon: the smallest scale of a parameter. */
  private static final double SMALLEST_SCALE = 1e-3;

  private final ParameterSet parameters;
  private final OptimizerConfig config;
  private final GradientExchange exchange;
  private final List<SegmentRange> owned;
  private final HostMemory host = new HostMemory();
  private final Backend backend;
  private final List<Matrix> matrices = new ArrayList<>();
  private final List<UpdateRun> vectors = new ArrayList<>();
  private final StateArray ofRows;
  private final StateArray ofColumns;
  private final StateArray ofVectors;
  private final NdArray rowFactors;
  private final NdArray columnFactors;
  private final double[] averages;
  private final double[] values;
  private long updates;

  /** One rank's part of an optimizer, with second moments 0. */
  public Adafactor(ParameterSet parameters, OptimizerConfig config, GradientExchange exchange) {
    this.parameters = parameters;
    this.config = config;
    this.exchange = exchange;
    owned = exchange.owned();
    backend = parameters.backend();
    ParameterGroups groups = new ParameterGroups(config, parameters);
    for (Parameter parameter : parameters.trained()) {
      if (parameter.stackedRows().isEmpty()) {
        UpdateRun run = groups.of(parameter);
        vectors.add(run.until(parameter.offset() + parameter.size()));
      } else {
        matrices.addAll(Matrices.of(parameter, groups));
      }
    }
    ofRows = state("row_second_moments", matrices.stream().mapToLong(Matrix::rows).sum());
    ofColumns = state("column_second_moments", matrices.stream().mapToLong(Matrix::columns).sum());
    ofVectors =
        state("second_moments", vectors.stream().mapToLong(run -> run.range().size()).sum());
    int rows = matrices.stream().mapToInt(Matrix::rows).max().orElse(0);
    int columns = matrices.stream().mapToInt(Matrix::columns).max().orElse(0);
    long vector = vectors.stream().mapToLong(run -> run.range().size()).max().orElse(0);
    rowFactors = array(rows);
    columnFactors = array(columns);
    averages = new double[Math.max(Math.max(rows, columns), Math.toIntExact(vector))];
    values = new double[averages.length];
  }

  private StateArray state(String name, long size) {
    DType dtype = parameters.weights().dtype();
    NdArray array = new NdArray(host.allocate(dtype, size), 0, Shape.of(Math.toIntExact(size)));
    return new StateArray(name, 1, List.of(new SegmentRange(0, size)), true, array, host);
  }

  private NdArray array(int size) {
    return new NdArray(backend.allocate(parameters.weights().dtype(), size), 0, Shape.of(size));
  }

  /** Overwrites the gradients. */
  @Override
  public void step(Segment gradients, double learningRate, double gradientScale) {
    updates++;
    exchange.gather(gradients, List.of(new SegmentRange(0, parameters.trainedSize())));
    double decay = 1 - StrictMath.pow((double) updates, -config.decayExponent());
    int row = 0;
    int column = 0;
    for (Matrix matrix : matrices) {
      NdArray update = matrix.in(gradients);
      toUpdate(
          update,
          ofRows.array().slice(row, row + matrix.rows()),
          ofColumns.array().slice(column, column + matrix.columns()),
          decay,
          gradientScale);
      apply(matrix.run(), update.reshape(Shape.of(matrix.size())), learningRate);
      row += matrix.rows();
      column += matrix.columns();
    }
    int at = 0;
    for (UpdateRun vector : vectors) {
      int size = Math.toIntExact(vector.range().size());
      NdArray update = gradients.range(vector.range().begin(), vector.range().end());
      toUpdate(update, ofVectors.array().slice(at, at + size), decay, gradientScale);
      apply(vector, update, learningRate);
      at += size;
    }
  }

  /** Turns a matrix's gradient into its update before clipping. */
  private void toUpdate(
      NdArray gradients, NdArray rows, NdArray columns, double decay, double gradientScale) {
    int height = gradients.shape().dim(0);
    int width = gradients.shape().dim(1);
    NdArray rowSums = rowFactors.slice(0, height);
    NdArray columnSums = columnFactors.slice(0, width);
    backend.optimizer().squareSums(gradients, rowSums, columnSums);
    average(rows, rowSums, decay, gradientScale * gradientScale / width);
    double mean = 0;
    for (int r = 0; r < height; r++) {
      mean += averages[r];
    }
    mean /= height;
    for (int r = 0; r < height; r++) {
      averages[r] = Math.sqrt(mean / averages[r]) * gradientScale;
    }
    backend.upload(averages, 0, rowSums);
    average(columns, columnSums, decay, gradientScale * gradientScale / height);
    for (int c = 0; c < width; c++) {
      averages[c] = 1 / Math.sqrt(averages[c]);
    }
    backend.upload(averages, 0, columnSums);
    backend.optimizer().scaleRowsAndColumns(gradients, rowSums, columnSums);
  }

  /**
   * Adds new sums, which {@code scale} turns into means, to running averages; leaves these in
   * {@link #averages}.
   */
  private void average(NdArray state, NdArray sums, double decay, double scale) {
    host.download(state, averages, 0);
    backend.download(sums, values, 0);
    for (int i = 0; i < state.size(); i++) {
      averages[i] = decay * averages[i] + (1 - decay) * (scale * values[i] + config.epsilon());
    }
    host.upload(averages, 0, state);
  }

  /** Turns a vector's gradient into its update before clipping. */
  private void toUpdate(NdArray gradients, NdArray moments, double decay, double gradientScale) {
    backend.download(gradients, values, 0);
    host.download(moments, averages, 0);
    for (int i = 0; i < gradients.size(); i++) {
      double g = gradientScale * values[i];
      averages[i] = decay * averages[i] + (1 - decay) * (g * g + config.epsilon());
      values[i] = g / Math.sqrt(averages[i]);
    }
    host.upload(averages, 0, moments);
    backend.upload(values, 0, gradients);
  }

  /** Clips an update and applies it to the owned weights. */
  private void apply(UpdateRun run, NdArray update, double learningRate) {
    double rate = learningRate * run.learningRateFactor();
    if (config.relativeStep()) {
      NdArray weights = parameters.weights().range(run.range().begin(), run.range().end());
      rate *= Math.max(SMALLEST_SCALE, rms(weights));
    }
    double clip = Math.max(1, rms(update) / config.clipThreshold());
    for (SegmentRange range : owned) {
      long from = Math.max(range.begin(), run.range().begin());
      long to = Math.min(range.end(), run.range().end());
      if (from < to) {
        NdArray weights = parameters.weights().range(from, to);
        if (run.weightDecay() != 0) {
          backend.elementwise().scale(1 - rate * run.weightDecay(), weights, weights);
        }
        int first = (int) (from - run.range().begin());
        NdArray part = update.slice(first, first + (int) (to - from));
        backend.elementwise().addScaled(-rate / clip, part, weights);
      }
    }
  }

  private double rms(NdArray array) {
    return Math.sqrt(backend.reductions().sumOfSquares(array) / array.size());
  }

  /** The number of updates so far, which determines the second moment's decay rate. */
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
    return List.of(ofRows, ofColumns, ofVectors);
  }

  @Override
  public long workFloats(int ranks) {
    return rowFactors.size() + columnFactors.size() + 4L * averages.length;
  }

  @Override
  public void close() {
    backend.free(rowFactors.storage());
    backend.free(columnFactors.storage());
  }
}
