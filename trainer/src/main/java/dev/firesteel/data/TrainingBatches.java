package dev.firesteel.data;

/** The training text as batches; thread-safe, with a separate {@link Batch} per thread. */
public final class TrainingBatches {
  private final TokenDataset data;
  private final SampleOrder order;

  /** The samples of {@code data} in {@code order}, which must have been created for its tokens. */
  public TrainingBatches(TokenDataset data, SampleOrder order) {
    this.data = data;
    this.order = order;
  }

  /** The number of samples per epoch. */
  public long samplesPerEpoch() {
    return order.samplesPerEpoch();
  }

  /**
   * The targets of some samples of {@code length} tokens that the loss counts: all of them, since
   * every token of a training text is predicted.
   */
  public long targets(long firstSample, long samples, int length) {
    return samples * length;
  }

  /**
   * Fills a batch with the samples {@code firstSample, firstSample + 1, ...}. For micro-batch s of
   * step k that is {@code k * globalBatchSize + s * microBatchSize}.
   */
  public void read(long firstSample, Batch into) {
    for (int row = 0; row < into.sequences(); row++) {
      into.fill(row, data, order.start(firstSample + row));
    }
  }
}
