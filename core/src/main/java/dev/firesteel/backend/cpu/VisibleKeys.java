package dev.firesteel.backend.cpu;

import static dev.firesteel.backend.cpu.AttentionSimd.GROUP;
import static dev.firesteel.backend.cpu.AttentionSimd.PANEL;
import static dev.firesteel.backend.cpu.AttentionSimd.TILE_ROWS;

import dev.firesteel.backend.cpu.HeadAttention.Ranges;
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

  /** The tiles that every group's range holds. */
  private int commonFirst;

  private int commonEnd;

  /** Describes the queries {@code [start, start + rows)}. */
  void set(Ranges ranges, int start, int rows) {
    groups = Gemm.ceilDiv(rows, GROUP);
    ranges.copy(start, rows, first, end);
    for (int r = rows; r < groups * GROUP; r++) {
      // Rows beyond the last take part in the computation, as the last.
      first[r] = first[rows - 1];
      end[r] = end[rows - 1];
    }
    blockFirst = Integer.MAX_VALUE;
    blockEnd = 0;
    commonFirst = 0;
    commonEnd = Integer.MAX_VALUE;
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
      commonFirst = Math.max(commonFirst, groupFirst[g]);
      commonEnd = Math.min(commonEnd, groupEnd[g]);
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

  /** Whether a tile of keys is in the ranges of all groups. */
  boolean meetsAll(int tile) {
    return commonFirst <= tile && tile < commonEnd;
  }

  /** Sets the scores {@code [key, query]} of keys in a group's range that a query does not see. */
  void mask(float[] scores, int group) {
    for (int r = group * GROUP; r < (group + 1) * GROUP; r++) {
      // Mostly there is nothing before the range.
      if (groupFirst[group] < first[r]) {
        maskKeys(scores, r, groupFirst[group], first[r]);
      }
      maskKeys(scores, r, end[r], groupEnd[group]);
    }
  }

  private static void maskKeys(float[] scores, int query, int from, int to) {
    for (int i = from * PANEL + query; i < to * PANEL; i += PANEL) {
      scores[i] = Float.NEGATIVE_INFINITY;
    }
  }

  /**
   * Zeros in a block {@code [key, query]} for keys [from, to), whole tiles, that are not in a
   * group's range, for all groups.
   */
  void zeroOutside(float[] block, int from, int to) {
    for (int tile = from; tile < to; tile += TILE_ROWS) {
      if (meetsAll(tile) && groups == PANEL / GROUP) {
        continue;
      }
      int group = 0;
      while (group < PANEL / GROUP) {
        int begin = group;
        while (group < PANEL / GROUP && !meets(group, tile)) {
          group++;
        }
        if (begin < group) {
          zero(block, tile, begin * GROUP, group * GROUP);
        } else {
          group++;
        }
      }
    }
  }

  /** Zeros in a tile of keys, for the queries [begin, end) of the block. */
  static void zero(float[] block, int tile, int begin, int end) {
    for (int key = tile; key < tile + TILE_ROWS; key++) {
      Arrays.fill(block, key * PANEL + begin, key * PANEL + end, 0f);
    }
  }
}
