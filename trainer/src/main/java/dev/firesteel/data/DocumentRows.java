package dev.firesteel.data;

import dev.firesteel.example.TrainedTokens;
import dev.firesteel.tensor.RowLayout;
import java.util.Arrays;
import java.util.List;

/**
 * Documents as rows for one forward pass, one in each, padded on the right.
 *
 * @param ids [B, T], 0 for padding
 * @param targets [B, T], the token after each of {@code ids}, or -1 where it is not trained
 * @param layout the documents in the rows
 * @param last the place of each document's last token in {@code ids}
 */
@SuppressWarnings("ArrayRecordComponent") // Carries arrays to a tape; never compared.
public record DocumentRows(int[] ids, int[] targets, RowLayout layout, int[] last) {
  private static final int LENGTH_STEP = 16;

  /**
   * Rows as long as the longest document needs, rounded up to a multiple of 16.
   *
   * @param documents at least one
   */
  public static DocumentRows of(List<TrainedTokens> documents) {
    int longest = documents.stream().mapToInt(TrainedTokens::length).max().orElseThrow();
    int length = (longest + LENGTH_STEP - 1) / LENGTH_STEP * LENGTH_STEP;
    int[] ids = new int[documents.size() * length];
    int[] targets = new int[ids.length];
    Arrays.fill(targets, -1);
    int[] lengths = new int[documents.size()];
    int[] last = new int[lengths.length];
    for (int row = 0; row < lengths.length; row++) {
      TrainedTokens document = documents.get(row);
      lengths[row] = document.length();
      last[row] = row * length + lengths[row] - 1;
      for (int i = 0; i < lengths[row]; i++) {
        int at = row * length + i;
        ids[at] = document.token(i);
        if (i > 0 && document.isTrained(i)) {
          targets[at - 1] = document.token(i);
        }
      }
    }
    return new DocumentRows(ids, targets, RowLayout.rightPadded(length, lengths), last);
  }

  /** Rows. */
  public int count() {
    return last.length;
  }
}
