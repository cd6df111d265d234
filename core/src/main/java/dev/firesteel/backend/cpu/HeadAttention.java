package dev.firesteel.backend.cpu;

import dev.firesteel.backend.AttentionSpec;
import dev.firesteel.backend.cpu.Attention.Rows;

/**
 * Causal attention of one head over a sequence, by the calling thread: the unit of work of
 * attention in training.
 */
interface HeadAttention {
  /**
   * {@code out = softmax(scale q k^T) v}, token t attending to tokens [0, t].
   *
   * @param logSumExp receives one value per token; null if not needed
   */
  void forward(
      Worker worker,
      AttentionSpec spec,
      int tokens,
      Rows q,
      Rows k,
      Rows v,
      Rows out,
      float[] logSumExp,
      int logSumExpOffset);

  /**
   * Gradients of one key-value head and of the query heads that share it.
   *
   * @param q the group's first query head; the others follow, {@code headWidth} apart
   * @param logSumExp [heads of the group, T]
   * @param dOut laid out as q is
   * @param dQ as q, overwritten
   * @param dK overwritten
   * @param dV overwritten
   */
  void backward(
      Worker worker,
      AttentionSpec spec,
      int tokens,
      Rows q,
      Rows k,
      Rows v,
      float[] logSumExp,
      int logSumExpOffset,
      Rows dOut,
      Rows dQ,
      Rows dK,
      Rows dV);
}
