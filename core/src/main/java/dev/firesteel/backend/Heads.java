package dev.firesteel.backend;

import dev.firesteel.array.NdArray;

/**
 * Heads in the columns of an array's rows: head h of width K is the columns {@code [column + h * K,
 * column + (h + 1) * K)} of rows {@code [B, T, W]}. Queries, keys and values may lie in the same
 * rows without being copied.
 *
 * @param rows [B, T, W]
 * @param column of the first head
 */
public record Heads(NdArray rows, int column) {
  /** The queries of packed rows, see {@link AttentionSpec#packedWidth}. */
  public static Heads queries(NdArray packed) {
    return new Heads(packed, 0);
  }

  /** The keys of packed rows. */
  public static Heads keys(AttentionSpec spec, NdArray packed) {
    return new Heads(packed, spec.packedKeys());
  }

  /** The values of packed rows. */
  public static Heads values(AttentionSpec spec, NdArray packed) {
    return new Heads(packed, spec.packedValues());
  }

  /** B. */
  public int batch() {
    return rows.shape().dim(0);
  }

  /** T. */
  public int tokens() {
    return rows.shape().dim(1);
  }

  /** W, from row to row. */
  public int stride() {
    return rows.shape().last();
  }
}
