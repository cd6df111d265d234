package dev.firesteel.checkpoint.state;

import dev.firesteel.array.FloatStorage;
import dev.firesteel.array.HeapStorage;
import dev.firesteel.array.NdArray;
import dev.firesteel.backend.Backend;
import dev.firesteel.backend.reference.ReferenceBackend;
import dev.firesteel.model.LanguageModel;
import dev.firesteel.nn.Segment;
import dev.firesteel.optim.AdamW;

/**
 * A rank's state for a checkpoint, as of between two steps: copies on the heap that a background
 * thread can read during training. Rank 0 copies the weights, and each rank its moments; the memory
 * is reused for each checkpoint.
 */
public final class TrainingSnapshot implements AutoCloseable {
  private final LanguageModel model;
  private final AdamW optimizer;
  private final Backend host = new ReferenceBackend();
  private final Segment weights; // null except on rank 0
  private final OptimizerState moments;

  /** Memory for the state of one rank. */
  public TrainingSnapshot(LanguageModel model, AdamW optimizer, int rank) {
    this.model = model;
    this.optimizer = optimizer;
    weights = rank == 0 ? model.parameters().newSegment(host) : null;
    moments =
        new OptimizerState(
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
    Backend backend = model.parameters().backend();
    if (weights != null) {
      copy(backend, model.parameters().weights().flat(), weights.flat());
    }
    copy(backend, optimizer.firstMoments(), moments.firstMoments());
    copy(backend, optimizer.secondMoments(), moments.secondMoments());
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
    host.close();
  }
}
