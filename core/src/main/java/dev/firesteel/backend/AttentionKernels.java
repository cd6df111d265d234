package dev.firesteel.backend;

import dev.firesteel.array.NdArray;

/**
 * Softmax, rotary positions, attention, and the cache of keys and values.
 *
 * <p>The conventions of {@link Backend} hold here.
 */
public interface AttentionKernels {

  /** {@code out = softmax(x)} over rows, computed after subtracting the row's maximum. */
  void softmax(NdArray x, NdArray out);

  /** {@code dx = y * (dy - sum(dy * y))} over rows. */
  void softmaxBackward(NdArray y, NdArray dy, NdArray dx);

  /**
   * Rotates heads by position (see {@link RopeSpec}).
   *
   * @param x [B, T, W] with {@code W >= heads * headWidth}
   * @param positions [B, T] I32, the position of each token; null for 0 to T - 1 in each sequence
   * @param inverse rotates back, which is the gradient; a magnitude multiplies in both directions
   * @param out [B, T, W]; may be {@code x}
   */
  void rope(RopeSpec spec, NdArray x, NdArray positions, boolean inverse, NdArray out);

  /**
   * {@code out = softmax(scale q k^T + bias, over the keys that the query sees) v} for each head,
   * without storing a T x T array.
   *
   * <p>Each query sees a contiguous range of keys. That covers full attention (all keys of the
   * sequence), causal attention (those up to its own position), a prefix seen by all, sequences
   * shorter than their row, several documents in one row, and a cache. In {@code fp32} a query's
   * result is bit-identical wherever its range begins, and whatever else is in the row: a document
   * in a packed row or beside a cache has the bits of the document alone (but for the sign of a
   * result of exactly 0).
   *
   * @param q [B, Tq, ...], H heads
   * @param k [B, Tk, ...], G heads
   * @param v [B, Tk, ...], G heads
   * @param ranges [B, Tq, 2] I32: query t of sequence b sees the keys {@code [ranges[b, t, 0],
   *     ranges[b, t, 1])}, of which a {@linkplain AttentionSpec#window window} keeps the last; at
   *     least one key
   * @param bias [H, Tq, Tk], added to the scaled products; null for none
   * @param out [B, Tq, H * K]
   * @param logSumExp [B, H, Tq], saved for the backward pass; null if not needed
   * @throws IllegalArgumentException if a range is empty or not within the keys
   */
  void attention(
      AttentionSpec spec,
      Heads q,
      Heads k,
      Heads v,
      NdArray ranges,
      NdArray bias,
      NdArray out,
      NdArray logSumExp);

  /**
   * Gradient of {@link #attention}, with the ranges that it accepted.
   *
   * @param dQ laid out as q is; its columns of heads are overwritten, the others left alone
   * @param dK as k
   * @param dV as v
   * @param dBias [H, Tq, Tk], the sum over the sequences, overwritten; null if not wanted
   */
  void attentionBackward(
      AttentionSpec spec,
      Heads q,
      Heads k,
      Heads v,
      NdArray ranges,
      NdArray bias,
      NdArray out,
      NdArray logSumExp,
      NdArray dOut,
      Heads dQ,
      Heads dK,
      Heads dV,
      NdArray dBias);

  /**
   * Writes columns of new tokens to a cache: {@code cache[b, positions[b] + t, :] = x[b, t, column
   * : column + W]}.
   *
   * @param x [B, T, ...]
   * @param column the first column to copy
   * @param cache [B, S, W], S its capacity
   * @param positions [B] I32, the number of tokens that each sequence has in the cache before this
   *     call
   * @throws IllegalArgumentException if the cache has no room for the new tokens
   */
  void append(NdArray x, int column, NdArray cache, NdArray positions);
}
