package dev.firesteel.backend.cpu;

import static dev.firesteel.backend.cpu.AttentionSimd.GROUP;
import static dev.firesteel.backend.cpu.AttentionSimd.PANEL;
import static dev.firesteel.backend.cpu.AttentionSimd.TILE_ROWS;

import dev.firesteel.backend.cpu.HeadAttention.Head;
import java.util.Arrays;

/**
 * The keys that a block of queries sees, and the smallest ranges that hold those of each group of
 * {@value AttentionSimd#GROUP} queries, extended to whole tiles of {@value AttentionSimd#TILE_ROWS}
 * keys. Scores are computed for the groups' ranges; {@link #mask} excludes what is not visible.
 */
final class VisibleKeys {
  private final int[] first = new int[PANEL];
  private final int[] end = new int[PANEL];
  private final int[] groupFirst = new int[PANEL / GROUP];
  private final int[] groupEnd = new int[PANEL / GROUP];
  private int groups;
  private int blockFirst;
  private int blockEnd;

  /** Describes the queries {@code [start, start + rows)}. */
  void set(Head head, int start, int rows) {
    groups = Gemm.ceilDiv(rows, GROUP);
    for (int r = 0; r < PANEL; r++) {
      // Rows beyond the last take part in the computation, as the last.
      int query = start + Math.min(r, rows - 1);
      first[r] = head.firstKey(query);
      end[r] = head.endKey(query);
    }
    blockFirst = Integer.MAX_VALUE;
    blockEnd = 0;
    for (int g = 0; g < groups; g++) {
      int least = Integer.MAX_VALUE;
      int most = 0;
      for (int r = g * GROUP; r < (g + 1) * GROUP; r++) {
        least = Math.min(least, first[r]);
        most = Math.max(most, end[r]);
      }
      groupFirst[g] = least - least % TILE_ROWS;
      groupEnd[g] = Gemm.roundUp(most, TILE_ROWS);
      blockFirst = Math.min(blockFirst, groupFirst[g]);
      blockEnd = Math.max(blockEnd, groupEnd[g]);
    }
  }

  /** Groups that hold queries. */
  int groups() {
    return groups;
  }

  /** The first key of the range of any group. */
  int first() {
    return blockFirst;
  }

  /** The end of the ranges of all groups. */
  int end() {
    return blockEnd;
  }

  int first(int group) {
    return groupFirst[group];
  }

  int end(int group) {
    return groupEnd[group];
  }

  /** Whether a tile of keys is in the range of a group. */
  boolean meets(int group, int tile) {
    return group < groups && groupFirst[group] <= tile && tile < groupEnd[group];
  }

  /** Sets the scores {@code [key, query]} of keys in a group's range that a query does not see. */
  void mask(float[] scores, int group) {
    int from = group * GROUP;
    int all = 0;
    int some = Integer.MAX_VALUE;
    for (int r = from; r < from + GROUP; r++) {
      all = Math.max(all, first[r]);
      some = Math.min(some, end[r]);
    }
    // Every query of the group sees the keys [all, some).
    for (int key = groupFirst[group]; key < Math.min(all, groupEnd[group]); key++) {
      maskKey(scores, from, key);
    }
    for (int key = Math.max(groupFirst[group], Math.max(all, some)); key < groupEnd[group]; key++) {
      maskKey(scores, from, key);
    }
  }

  private void maskKey(float[] scores, int from, int key) {
    for (int r = from; r < from + GROUP; r++) {
      if (key < first[r] || key >= end[r]) {
        scores[key * PANEL + r] = Float.NEGATIVE_INFINITY;
      }
    }
  }

  /**
   * Zeros in a block {@code [key, query]} for keys in a range that are in none of a group's, for
   * all groups.
   */
  void zeroOutside(float[] block, int from, int to) {
    for (int g = 0; g < PANEL / GROUP; g++) {
      int least = g < groups ? groupFirst[g] : to;
      int most = g < groups ? groupEnd[g] : to;
      for (int key = from; key < Math.min(least, to); key++) {
        Arrays.fill(block, key * PANEL + g * GROUP, key * PANEL + (g + 1) * GROUP, 0f);
      }
      for (int key = Math.max(from, most); key < to; key++) {
        Arrays.fill(block, key * PANEL + g * GROUP, key * PANEL + (g + 1) * GROUP, 0f);
      }
    }
  }
}
