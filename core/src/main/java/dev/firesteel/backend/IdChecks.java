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
      if (start < 0 || start + tokens > capacity) {
        throw new IllegalArgumentException(
            "cachedAttention: the cache holds "
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
}
