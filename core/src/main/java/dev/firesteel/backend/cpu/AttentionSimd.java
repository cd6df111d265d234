package dev.firesteel.backend.cpu;

/**
 * The primitives of attention, alongside those of {@link Simd} and under the same rule: the vector
 * implementation is bit-identical to the scalar one.
 *
 * <p>All operands are panels: contiguous rows of {@value #PANEL} floats. Scores are stored
 * transposed, with a row for each key and a column for each query of a block. The lanes of a vector
 * thus hold different queries: maxima and sums over keys run down the columns, in ascending order
 * of the keys, and no query's result depends on its neighbours. The same block also serves, without
 * copying, as left operand of the sums over its keys ({@link #multiplyColumns}) and of those over
 * its queries ({@link #multiplyRows}).
 */
interface AttentionSimd {
  /** Columns of a panel, and queries in a block. */
  int PANEL = 64;

  /** Rows of a register tile. */
  int TILE_ROWS = 8;

  /** Columns of a register tile. */
  int TILE_COLUMNS = 32;

  /** Columns of scores that are processed together. */
  int GROUP = 16;

  /**
   * A tile of {@value #TILE_ROWS} by {@value #TILE_COLUMNS} of {@code a b}: {@code c[r, j]} becomes
   * the chain over ascending k of {@code fma(a[r, k], b[k, j], c[r, j])}, starting from 0 when
   * {@code first}, else from the content of c.
   */
  void multiplyRows(
      float[] a,
      int aOffset,
      float[] b,
      int bOffset,
      int depth,
      float[] c,
      int cOffset,
      boolean first);

  /** As {@link #multiplyRows} for a transposed left operand: {@code fma(a[k, r], b[k, j], ...)}. */
  void multiplyColumns(
      float[] a,
      int aOffset,
      float[] b,
      int bOffset,
      int depth,
      float[] c,
      int cOffset,
      boolean first);

  /**
   * {@code to[j, r] = factor * from[r, j]}, in a panel.
   *
   * @param from rows that lie a stride apart, at most {@value #PANEL} of at most as many columns
   */
  void transpose(
      float[] from,
      int fromOffset,
      int fromStride,
      int rows,
      int width,
      float factor,
      float[] to,
      int toOffset);

  /** {@code to[r, j] = from[r, j]} for rows that lie a stride apart. */
  void copyRows(
      float[] from,
      int fromOffset,
      int fromStride,
      int rows,
      int width,
      float[] to,
      int toOffset,
      int toStride);

  /**
   * For {@value #GROUP} columns: {@code maxima[q] = max over keys of scores[key, q]}, the scores
   * become {@code e^(score - maximum)} ({@link Transcendentals#expOrZero}), and {@code sums[q]}
   * their sum.
   *
   * @param at the first key's score of the first column
   * @param q where the columns' values lie in {@code maxima} and {@code sums}
   */
  void exponentials(float[] scores, int at, int keys, float[] maxima, float[] sums, int q);

  /**
   * The softmax's backward pass for {@value #GROUP} columns. The scores become probabilities {@code
   * p = e^(score - logSums[q])}; the gradients of the probabilities become those of the unscaled
   * scores, {@code scale * p * (gradient - dot)} with {@code dot = sum over keys of p * gradient}.
   *
   * @param at the first key's score of the first column, in both arrays
   * @param q where the columns' values lie in {@code logSums}
   */
  void softmaxGradients(
      float[] scores, float[] gradients, int at, int keys, float[] logSums, int q, float scale);

  /** {@code to[r, j] = factors[r] * from[r, j]} for rows that lie a stride apart. */
  void scaleRows(
      float[] from,
      int fromOffset,
      int fromStride,
      float[] factors,
      int rows,
      int width,
      float[] to,
      int toOffset,
      int toStride);

  /**
   * {@code sums[j] = } the chain over ascending r of {@code fma(weights[r], rows[r, j], ...)}, from
   * 0.
   *
   * @param rows {@code count} rows of {@code width}, {@code stride} apart
   */
  void weightedSum(
      float[] weights,
      int weightsOffset,
      float[] rows,
      int offset,
      int stride,
      int count,
      int width,
      float[] sums,
      int sumsOffset);

  /** Rounds floats in place to the nearest bfloat16, as {@link Bf16#of}. */
  void roundToBf16(float[] x, int offset, int size);
}
