package dev.firesteel.backend;

/**
 * The layout of a row of packed queries, keys and values: {@code [H*K queries | G*K keys | G*K
 * values]}. Query head h reads key-value head {@code h / (H / G)}: multi-head attention has {@code
 * G = H}, grouped-query attention {@code 1 <= G < H} (Ainslie et al. 2023).
 *
 * @param heads H, query heads
 * @param keyValueHeads G, key-value heads; divides H
 * @param headWidth K
 * @param scale factor on the scores, usually {@code 1 / sqrt(K)}
 */
public record AttentionSpec(int heads, int keyValueHeads, int headWidth, double scale) {
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
  }

  /** With the usual scale {@code 1 / sqrt(K)}. */
  public static AttentionSpec of(int heads, int keyValueHeads, int headWidth) {
    return new AttentionSpec(heads, keyValueHeads, headWidth, 1 / Math.sqrt(headWidth));
  }

  /** Columns of the packed row: {@code (H + 2G) * K}. */
  public int packedWidth() {
    return (heads + 2 * keyValueHeads) * headWidth;
  }

  /** Columns of the output row: {@code H * K}. */
  public int outputWidth() {
    return heads * headWidth;
  }
}
