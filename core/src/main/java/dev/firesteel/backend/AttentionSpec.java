package dev.firesteel.backend;

/**
 * The heads of an attention layer. Query head h reads key-value head {@code h / (H / G)}:
 * multi-head attention has {@code G = H}, grouped-query attention {@code 1 <= G < H} (Ainslie et
 * al. 2023).
 *
 * @param heads H, query heads
 * @param keyValueHeads G, key-value heads; divides H
 * @param headWidth K
 * @param scale factor on the products of queries and keys: usually {@code 1 / sqrt(K)}, 1 in T5
 * @param window of the keys that a query may see by its range, only this many, the last ones, are
 *     visible: sliding-window attention (Beltagy et al. 2020); {@link #NO_WINDOW} for all
 */
public record AttentionSpec(int heads, int keyValueHeads, int headWidth, double scale, int window) {
  /** A query sees all keys of its range. */
  public static final int NO_WINDOW = Integer.MAX_VALUE;

  public AttentionSpec {
    if (heads < 1 || keyValueHeads < 1 || headWidth < 1 || heads % keyValueHeads != 0) {
      throw new IllegalArgumentException(
          "AttentionSpec: key-value heads must divide heads and all be >= 1, got heads "
              + heads
              + ", key-value heads "
              + keyValueHeads
              + ", head width "
              + headWidth);
    }
    if (window < 1) {
      throw new IllegalArgumentException("AttentionSpec: window must be >= 1, got " + window);
    }
  }

  /** With the usual scale {@code 1 / sqrt(K)} and no window. */
  public static AttentionSpec of(int heads, int keyValueHeads, int headWidth) {
    return new AttentionSpec(heads, keyValueHeads, headWidth, 1 / Math.sqrt(headWidth), NO_WINDOW);
  }

  /** The same heads with another scale. */
  public AttentionSpec withScale(double factor) {
    return new AttentionSpec(heads, keyValueHeads, headWidth, factor, window);
  }

  /** The same heads with a sliding window. */
  public AttentionSpec withWindow(int keys) {
    return new AttentionSpec(heads, keyValueHeads, headWidth, scale, keys);
  }

  /** The first key that a query sees, of the range {@code [begin, end)}. */
  public int firstKey(int begin, int end) {
    return Math.max(begin, window > end ? begin : end - window);
  }

  /**
   * Columns of a row that holds all three, in the order {@code [H*K queries | G*K keys | G*K
   * values]}: {@code (H + 2G) * K}.
   */
  public int packedWidth() {
    return (heads + 2 * keyValueHeads) * headWidth;
  }

  /** Columns of the queries, and of the output: {@code H * K}. */
  public int outputWidth() {
    return heads * headWidth;
  }

  /** Columns of the keys, and of the values: {@code G * K}. */
  public int keyValueWidth() {
    return keyValueHeads * headWidth;
  }

  /** The first column of the keys in a packed row. */
  public int packedKeys() {
    return heads * headWidth;
  }

  /** The first column of the values in a packed row. */
  public int packedValues() {
    return (heads + keyValueHeads) * headWidth;
  }
}
