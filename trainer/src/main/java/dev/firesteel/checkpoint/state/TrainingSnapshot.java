package dev.firesteel.checkpoint.state;

import dev.firesteel.array.FloatStorage;
import dev.firesteel.array.HeapStorage;
import dev.firesteel.array.HostMemory;
import dev.firesteel.array.NdArray;
import dev.firesteel.backend.Backend;
import dev.firesteel.nn.Segment;
import dev.firesteel.optim.AdamW;

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

  private OptimizerState like(AdamW optimizer) {
    return new OptimizerState(
        optimizer.parameters(),
        optimizer.owned(),
        like(optimizer.firstMoments()),
        like(optimizer.secondMoments()),
        host);
  }

  private NdArray like(NdArray array) {
    return new NdArray(host.allocate(array.dtype(), array.size()), 0, array.shape());
  }

  /** Copies the current state. */
  public void take() {
    Backend backend = model.model().parameters().backend();
    if (weights != null) {
      Segment source = model.model().parameters().weights();
      for (int i = 0; i < source.arrays().size(); i++) {
        copy(backend, source.arrays().get(i), weights.arrays().get(i));
      }
    }
    if (moments != null) {
      copy(backend, model.optimizer().firstMoments(), moments.firstMoments());
      copy(backend, model.optimizer().secondMoments(), moments.secondMoments());
    }
  }

  private static void copy(Backend from, NdArray source, NdArray target) {
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
