package dev.firesteel.checkpoint.state;

import dev.firesteel.array.ArrayMemory;
import dev.firesteel.array.FloatStorage;
import dev.firesteel.array.HeapStorage;
import dev.firesteel.array.HostMemory;
import dev.firesteel.array.NdArray;
import dev.firesteel.nn.Segment;
import dev.firesteel.optim.Optimizer;
import dev.firesteel.optim.StateArray;
import java.util.List;

/**
 * A snapshot of a rank's state between two steps, for a checkpoint: copies on the heap that a
 * background thread can read during training. Rank 0 copies the weights, and each rank its moments;
 * the memory is reused for each checkpoint.
 */
public final class TrainingSnapshot implements AutoCloseable {
  private final ModelState model;
  private final HostMemory host = new HostMemory();
  private final Segment weights; // null except on rank 0
  private final OptimizerState moments; // null if the model is frozen

  /** Allocates memory for what one rank writes of a model. */
  public TrainingSnapshot(ModelState model, int rank) {
    this.model = model;
    weights = rank == 0 ? model.model().parameters().newWeights(host) : null;
    moments = model.optimizer() == null ? null : like(model.optimizer());
  }

  private OptimizerState like(Optimizer optimizer) {
    return new OptimizerState(
        optimizer.parameters(),
        optimizer.state().stream().map(each -> each.with(like(each.array()), host)).toList());
  }

  private NdArray like(NdArray array) {
    return new NdArray(host.allocate(array.dtype(), array.size()), 0, array.shape());
  }

  /** Copies the current state. */
  public void take() {
    if (weights != null) {
      Segment current = model.model().parameters().weights();
      for (int i = 0; i < current.arrays().size(); i++) {
        copy(current.memory(), current.arrays().get(i), weights.arrays().get(i));
      }
    }
    if (moments != null) {
      List<StateArray> current = model.optimizer().state();
      for (int i = 0; i < current.size(); i++) {
        copy(current.get(i).memory(), current.get(i).array(), moments.arrays().get(i).array());
      }
    }
  }

  private static void copy(ArrayMemory from, NdArray source, NdArray target) {
    from.download(source, FloatStorage.of(target), HeapStorage.offset(target));
  }

  /** The latest copy made by {@link #take}. */
  public RankNumbers copies() {
    return new RankNumbers(weights, moments);
  }

  /** Releases the memory. */
  @Override
  public void close() {
    if (weights != null) {
      weights.close();
    }
  }
}
