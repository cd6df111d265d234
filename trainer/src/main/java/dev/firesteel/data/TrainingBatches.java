package dev.firesteel.data;

/** The training text as batches; safe for use by many threads, each with its own {@link Batch}. */
public final class TrainingBatches {
  private final TokenDataset data;
  private final SampleOrder order;

  /** The samples of {@code data} in {@code order}, which has to be made for its tokens. */
  public TrainingBatches(TokenDataset data, SampleOrder order) {
    this.data = data;
    this.order = order;
  }

  /** Samples after which all text was seen once. */
  public long samplesPerEpoch() {
    return order.samplesPerEpoch();
  }

  /**
   * Fills a batch with the samples {@code firstSample, firstSample + 1, ...}. For slot s of step k
   * that is {@code k * globalBatchSize + s * microBatchSize}.
   */
  public void read(long firstSample, Batch into) {
    for (int row = 0; row < into.sequences(); row++) {
      into.fill(row, data, order.start(firstSample + row));
    }
  }
}
