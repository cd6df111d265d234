package dev.firesteel.backend;

/** Range checks for ids, targets and positions, shared by all backends. */
public final class IdChecks {
  private IdChecks() {}

  /** Rejects ids that are not a row of the embedding table. */
  public static void requireRows(int[] ids, int offset, int count, int rows) {
    for (int i = 0; i < count; i++) {
      int id = ids[offset + i];
      if (id < 0 || id >= rows) {
        throw new IllegalArgumentException(
            "embedding: ids must be in [0, " + rows + "), got " + id + " at index " + i);
      }
    }
  }

  /** Rejects targets without a logit; negative targets are ignored by the loss. */
  public static void requireTargets(int[] targets, int offset, int count, int vocabulary) {
    for (int i = 0; i < count; i++) {
      if (targets[offset + i] >= vocabulary) {
        throw new IllegalArgumentException(
            "crossEntropy: targets must be less than "
                + vocabulary
                + ", got "
                + targets[offset + i]
                + " at index "
                + i);
      }
    }
  }

  /** Rejects more new tokens after a position than fit in the cache. */
  public static void requireRoom(int[] positions, int offset, int batch, int tokens, int capacity) {
    for (int b = 0; b < batch; b++) {
      int start = positions[offset + b];
      if (start < 0 || start > capacity - tokens) {
        throw new IllegalArgumentException(
            "append: the cache holds "
                + capacity
                + " tokens, got "
                + tokens
                + " new ones at position "
                + start
                + " of sequence "
                + b);
      }
    }
  }

  /** Rejects queries that see no key, or keys that do not exist; see {@link AttentionKernels}. */
  public static void requireRanges(int[] ranges, int offset, int queries, int keys) {
    for (int i = 0; i < queries; i++) {
      int begin = ranges[offset + 2 * i];
      int end = ranges[offset + 2 * i + 1];
      if (begin < 0 || end <= begin || end > keys) {
        throw new IllegalArgumentException(
            "attention: a query must see at least one of the keys [0, "
                + keys
                + "), got the range ["
                + begin
                + ", "
                + end
                + ") of query "
                + i);
      }
    }
  }
}
