package dev.firesteel.nn;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.firesteel.array.ArrayPool;
import dev.firesteel.array.DType;
import dev.firesteel.array.NdArray;
import dev.firesteel.array.Shape;
import dev.firesteel.backend.AttentionSpec;
import dev.firesteel.backend.reference.ReferenceBackend;
import java.util.Arrays;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

class KeyValueCacheTest {
  private static final AttentionSpec SPEC = AttentionSpec.of(1, 1, 1);
  private static final int ROWS = 4;
  private static final int CAPACITY = 3;

  private final ReferenceBackend backend = new ReferenceBackend();
  private final ArrayPool pool = new ArrayPool(backend);
  private final KeyValueCache cache =
      new KeyValueCache(backend, pool, DType.F32, 1, ROWS, 1, CAPACITY, 1);

  @AfterEach
  void close() {
    cache.close();
    assertThat(pool.lentBytes()).isZero();
    pool.close();
    backend.close();
  }

  /**
   * Writes and counts one token for each row, whose key is the value and whose value its negative.
   */
  private void write(CacheRows rows, float... keys) {
    float[] packed = new float[3 * keys.length];
    for (int i = 0; i < keys.length; i++) {
      packed[3 * i + 1] = keys[i];
      packed[3 * i + 2] = -keys[i];
    }
    NdArray array =
        new NdArray(backend.allocate(DType.F32, packed.length), 0, Shape.of(keys.length, 1, 3));
    backend.upload(packed, 0, array);
    rows.write(0, array, SPEC);
    int[] ones = new int[keys.length];
    Arrays.fill(ones, 1);
    rows.append(ones);
  }

  /** The keys of a row so far; their values are checked. */
  private float[] keys(int row) {
    float[] keys = new float[CAPACITY];
    float[] values = new float[CAPACITY];
    backend.download(cache.keys(0, row, row + 1), keys, 0);
    backend.download(cache.values(0, row, row + 1), values, 0);
    for (int t = 0; t < cache.length(row); t++) {
      assertThat(values[t]).isEqualTo(-keys[t]);
    }
    return Arrays.copyOf(keys, cache.length(row));
  }

  @Test
  void chosenRowsAreWrittenAndTheOthersWait() {
    write(cache.all(), 1, 2, 3, 4);
    write(cache.range(0, 2), 11, 12);
    cache.reset(3, 1);
    write(cache.rows(3, 1), 40, 20);
    write(cache.range(1, 4), 21, 31, 41);

    assertThat(keys(0)).containsExactly(1, 11);
    assertThat(keys(1)).containsExactly(20, 21);
    assertThat(keys(2)).containsExactly(3, 31);
    assertThat(keys(3)).containsExactly(40, 41);
    assertThat(cache.rows(2, 3).lengths()).containsExactly(2, 2);
  }

  @Test
  void aMovedSequenceReplacesAnother() {
    write(cache.all(), 1, 2, 3, 4);
    write(cache.range(3, 4), 14);
    cache.move(3, 0);
    cache.move(2, 2);

    assertThat(keys(0)).containsExactly(4, 14);
    assertThat(keys(2)).containsExactly(3);
    assertThat(cache.lengths()).containsExactly(2, 1, 1, 0);
  }

  @Test
  void refusesRowsThatAttentionCannotReadInPlace() {
    write(cache.all(), 1, 2, 3, 4);

    assertThatThrownBy(() -> cache.rows(0, 2))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessage(
            "cache rows: rows that hold tokens must be consecutive, got [0, 2] of"
                + " KeyValueCache[1, 1, 1, 1] of 3; reset rows that begin a new sequence");
    cache.reset(0);
    assertThatThrownBy(() -> cache.rows(0, 2))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageContaining("must be consecutive");
    cache.reset(2);
    assertThat(cache.rows(0, 2).isEmpty()).isTrue();
  }

  @Test
  void refusesRowsThatDoNotExistOrAppearTwice() {
    for (int[] rows : new int[][] {{-1}, {0, 4}, {1, 1}}) {
      assertThatThrownBy(() -> cache.rows(rows))
          .isInstanceOf(IllegalArgumentException.class)
          .hasMessageStartingWith("cache rows: each must be one of 4 rows and appear once, got [");
    }
  }

  @Test
  void refusesMoreTokensThanThereIsRoomFor() {
    assertThatThrownBy(() -> cache.rows(2).append(4))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessage("append: sequence 2 must have 0 to 3 tokens, got 4 after 4 more");
    assertThatThrownBy(() -> cache.rows(2).append(1, 1))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessage("append: there must be one count for each of 1 sequences, got 2");
  }
}
