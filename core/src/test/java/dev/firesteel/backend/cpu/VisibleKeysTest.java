package dev.firesteel.backend.cpu;

import static dev.firesteel.backend.cpu.AttentionSimd.GROUP;
import static dev.firesteel.backend.cpu.AttentionSimd.PANEL;
import static dev.firesteel.backend.cpu.AttentionSimd.TILE_ROWS;
import static org.assertj.core.api.Assertions.assertThat;

import dev.firesteel.backend.AttentionSpec;
import dev.firesteel.backend.cpu.HeadAttention.Ranges;
import dev.firesteel.random.RandomStream;
import java.util.Arrays;
import org.junit.jupiter.api.Test;

/** What a block's queries see, beside the definition, for ranges in any order. */
class VisibleKeysTest {
  private static final int QUERIES = 150;
  private static final int KEYS = 200;
  private static final int KEY_ROWS = Gemm.roundUp(KEYS, PANEL);

  private final RandomStream random = RandomStream.of(5, "visible keys");

  @Test
  void causalPackedAndRandomRanges() {
    int[] causal = new int[2 * QUERIES];
    int[] packed = new int[2 * QUERIES];
    int[] any = new int[2 * QUERIES];
    for (int t = 0; t < QUERIES; t++) {
      causal[2 * t + 1] = t + 1;
      packed[2 * t] = t - t % 37;
      packed[2 * t + 1] = t + 1;
      any[2 * t] = random.nextInt(KEYS - 1);
      any[2 * t + 1] = any[2 * t] + 1 + random.nextInt(KEYS - any[2 * t]);
    }
    for (int[] ranges : new int[][] {causal, packed, any}) {
      check(AttentionSpec.of(1, 1, 8), ranges);
      check(AttentionSpec.of(1, 1, 8).withWindow(20), ranges);
    }
  }

  private static void check(AttentionSpec spec, int[] pairs) {
    Ranges ranges = new Ranges(spec, pairs, 0, QUERIES);
    VisibleKeys visible = new VisibleKeys();
    for (int start = 0; start < QUERIES; start += PANEL) {
      int rows = Math.min(PANEL, QUERIES - start);
      visible.set(ranges, start, rows);
      float[] scores = ones();
      float[] block = ones();
      for (int group = 0; group < visible.groups(); group++) {
        visible.mask(scores, group);
      }
      visible.zeroOutside(block, 0, KEY_ROWS);
      for (int key = 0; key < KEY_ROWS; key++) {
        int tile = key - key % TILE_ROWS;
        boolean all = true;
        for (int group = 0; group < PANEL / GROUP; group++) {
          boolean inRange =
              group < visible.groups() && visible.first(group) <= key && key < visible.end(group);
          assertThat(visible.meets(group, tile)).isEqualTo(inRange);
          all &= inRange || group >= visible.groups();
          for (int r = group * GROUP; r < (group + 1) * GROUP; r++) {
            int query = start + Math.min(r, rows - 1);
            boolean seen = ranges.firstKey(query) <= key && key < ranges.endKey(query);
            if (r < rows && seen) {
              assertThat(inRange).as("query %d sees key %d", query, key).isTrue();
            }
            assertThat(scores[key * PANEL + r] == 1f)
                .as("score of query %d and key %d", query, key)
                .isEqualTo(!inRange || seen);
            assertThat(block[key * PANEL + r]).isEqualTo(inRange ? 1f : 0f);
          }
        }
        assertThat(visible.meetsAll(tile)).isEqualTo(all);
        if (key < visible.first() || key >= visible.end()) {
          assertThat(noneMeets(visible, tile)).as("the block's range holds its groups'").isTrue();
        }
      }
    }
  }

  private static boolean noneMeets(VisibleKeys visible, int tile) {
    for (int group = 0; group < visible.groups(); group++) {
      if (visible.meets(group, tile)) {
        return false;
      }
    }
    return true;
  }

  private static float[] ones() {
    float[] block = new float[KEY_ROWS * PANEL];
    Arrays.fill(block, 1f);
    return block;
  }
}
