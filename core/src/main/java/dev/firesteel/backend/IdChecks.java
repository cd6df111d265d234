package dev.firesteel.backend;

/** What the kernels of every backend refuse of ids, targets and positions, in the same words. */
public final class IdChecks {
  private IdChecks() {}

  /** Refuses ids that are not a row of the table of an embedding. */
  public static void requireRows(int[] ids, int offset, int count, int rows) {
    for (int i = 0; i < count; i++) {
      int id = ids[offset + i];
      if (id < 0 || id >= rows) {
        throw new IllegalArgumentException(
            "embedding: ids must be in [0, " + rows + "), got " + id + " at index " + i);
      }
    }
  }

  /** Refuses targets that no logit stands for; a negative one is ignored by the loss. */
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

  /** Refuses more new tokens after a position than a cache holds. */
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
