package dev.firesteel.backend;

import dev.firesteel.array.NdArray;

/**
 * Softmax, rotary positions, and causal attention with and without a key-value cache.
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
   * @param positions [B] I32, the position of the first token of each sequence; null for all 0
   * @param inverse rotates back, which is the gradient; a magnitude multiplies in both directions
   * @param out [B, T, W]; may be {@code x}
   */
  void rope(RopeSpec spec, NdArray x, NdArray positions, boolean inverse, NdArray out);

  /**
   * Causal self-attention: {@code out = softmax(scale * q k^T, keys at or before the query) v} for
   * each head, without storing a T x T array.
   *
   * @param qkv [B, T, (H + 2G) * K], packed as described in {@link AttentionSpec}
   * @param out [B, T, H * K]
   * @param logSumExp [B, H, T], saved for the backward pass; null if not needed
   */
  void causalAttention(AttentionSpec spec, NdArray qkv, NdArray out, NdArray logSumExp);

  /** Gradient of {@link #causalAttention}: {@code dQkv} [B, T, (H + 2G) * K]. */
  void causalAttentionBackward(
      AttentionSpec spec, NdArray qkv, NdArray out, NdArray logSumExp, NdArray dOut, NdArray dQkv);

  /**
   * Attention of new tokens over a cache: writes the keys and values of {@code qkv} to the cache at
   * positions {@code positions[b] + t} and attends from each new token to all tokens at or before
   * it.
   *
   * @param qkv [B, T, (H + 2G) * K], T new tokens of each sequence
   * @param keys [B, G, S, K], the cache, S its capacity
   * @param values [B, G, S, K]
   * @param positions [B] I32, the number of tokens that each sequence has in the cache before this
   *     call
   * @param out [B, T, H * K]
   * @throws IllegalArgumentException if the cache has no room for the new tokens
   */
  void cachedAttention(
      AttentionSpec spec,
      NdArray qkv,
      NdArray keys,
      NdArray values,
      NdArray positions,
      NdArray out);
}
