package dev.firesteel.data;

import dev.firesteel.tensor.RowLayout;

/**
 * Rows of examples for one forward pass, row-major [B, T]. The arrays belong to the batch.
 *
 * @param inputs token ids; 0 for padding
 * @param targets the token after each input, or -1 where it is not trained
 * @param layout the documents in the rows
 * @param tokens inputs without padding
 */
@SuppressWarnings("ArrayRecordComponent") // Carries arrays to a tape; never compared.
public record ExampleBatch(int[] inputs, int[] targets, RowLayout layout, long tokens) {
  /** Targets that are trained. */
  public long targetCount() {
    long count = 0;
    for (int target : targets) {
      count += target < 0 ? 0 : 1;
    }
    return count;
  }
}
