package dev.firesteel.data;

import dev.firesteel.error.UserException;
import java.util.Iterator;
import java.util.NoSuchElementException;

/**
 * The validation text from its beginning, in consecutive windows: each token but the first is a
 * target once; a rest that does not fill a window is omitted. The last batch may have fewer
 * sequences. Each {@link #iterator} starts over and reuses its batch.
 */
public final class ValidationBatches implements Iterable<Batch> {
  private final TokenDataset data;
  private final int sequences;
  private final int length;
  private final long windows;

  /**
   * Batches of B {@code sequences} of T = {@code length} tokens.
   *
   * @param batches maximum number of batches; 0: the whole text
   * @throws UserException if the text is shorter than one sequence
   */
  public ValidationBatches(TokenDataset data, int sequences, int length, int batches) {
    this.data = data;
    this.sequences = sequences;
    this.length = length;
    long all = (data.tokens() - 1) / length;
    this.windows = batches == 0 ? all : Math.min(all, (long) batches * sequences);
    if (windows < 1) {
      throw UserException.usage(
          "the validation text must have at least training.sequence_length + 1 = %d tokens, got %d: raise data.validation_fraction or lower training.sequence_length"
              .formatted(length + 1L, data.tokens()));
    }
  }

  /** Targets of one pass. */
  public long targets() {
    return windows * length;
  }

  @Override
  public Iterator<Batch> iterator() {
    return new Iterator<>() {
      private long next;
      private Batch batch = new Batch((int) Math.min(sequences, windows), length);

      @Override
      public boolean hasNext() {
        return next < windows;
      }

      @Override
      public Batch next() {
        if (!hasNext()) {
          throw new NoSuchElementException("all " + windows + " windows were read");
        }
        int rows = (int) Math.min(sequences, windows - next);
        if (rows != batch.sequences()) {
          batch = new Batch(rows, length);
        }
        for (int row = 0; row < rows; row++) {
          batch.fill(row, data, next++ * length);
        }
        return batch;
      }
    };
  }
}
