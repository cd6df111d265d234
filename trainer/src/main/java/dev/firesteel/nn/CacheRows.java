package dev.firesteel.nn;

import dev.firesteel.array.NdArray;
import dev.firesteel.backend.AttentionSpec;
import java.util.Arrays;

/**
 * Rows of a {@link KeyValueCache} that take part in a pass of a model: sequence i of the pass is
 * the i-th of them.
 *
 * <p>Rows that hold tokens must be consecutive, since attention reads their keys and values in
 * place. Empty rows, whose new tokens see nothing but each other, may be any: their pass attends as
 * one without a cache does, and only writes to it.
 */
public final class CacheRows {
  private final KeyValueCache cache;
  private final int[] rows;

  CacheRows(KeyValueCache cache, int... rows) {
    this.cache = cache;
    this.rows = rows;
    boolean[] seen = new boolean[cache.batch()];
    for (int row : rows) {
      if (row < 0 || row >= seen.length || seen[row]) {
        throw new IllegalArgumentException(
            "cache rows: each must be one of "
                + seen.length
                + " rows and appear once, got "
                + Arrays.toString(rows));
      }
      seen[row] = true;
    }
    if (!isEmpty() && !areConsecutive()) {
      throw new IllegalArgumentException(
          "cache rows: rows that hold tokens must be consecutive, got "
              + Arrays.toString(rows)
              + " of "
              + cache
              + "; reset rows that begin a new sequence");
    }
  }

  private boolean areConsecutive() {
    for (int i = 1; i < rows.length; i++) {
      if (rows[i] != rows[0] + i) {
        return false;
      }
    }
    return true;
  }

  /** Whether no row holds a token. */
  boolean isEmpty() {
    return Arrays.stream(rows).allMatch(row -> cache.length(row) == 0);
  }

  /** Number of sequences. */
  public int count() {
    return rows.length;
  }

  /** The maximum length of a sequence. */
  public int capacity() {
    return cache.capacity();
  }

  /** Tokens of each sequence so far. */
  public int[] lengths() {
    return Arrays.stream(rows).map(cache::length).toArray();
  }

  /** Counts {@code tokens[i]} of those written by the last pass as part of sequence i. */
  public void append(int... tokens) {
    cache.append(rows, tokens);
  }

  /**
   * Writes the keys and values of new tokens, packed as {@code spec} says, after the others.
   *
   * @param packed [B, T, (H + 2G) K]
   */
  void write(int layer, NdArray packed, AttentionSpec spec) {
    if (areConsecutive()) {
      cache.write(layer, packed, spec, rows[0]);
      return;
    }
    for (int i = 0; i < rows.length; i++) {
      cache.write(layer, packed.slice(i, i + 1), spec, rows[i]);
    }
  }

  /** The keys of a layer, [B, S, G * K], of rows that hold tokens. */
  NdArray keys(int layer) {
    return cache.keys(layer, rows[0], rows[0] + rows.length);
  }

  /** The values of a layer, [B, S, G * K], of rows that hold tokens. */
  NdArray values(int layer) {
    return cache.values(layer, rows[0], rows[0] + rows.length);
  }
}
