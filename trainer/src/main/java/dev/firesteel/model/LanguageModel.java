package dev.firesteel.model;

import dev.firesteel.array.ArrayPool;
import dev.firesteel.config.ModelConfig;
import dev.firesteel.nn.ForwardPass;
import dev.firesteel.nn.KeyValueCache;
import dev.firesteel.nn.ParameterSet;
import dev.firesteel.tensor.Tensor;

/**
 * A decoder-only transformer: maps token ids to a distribution of the next token at each position.
 *
 * <p>Ids and targets are I32, [B, T] with {@code 1 <= T <= context length} and {@code 0 <= id <
 * vocabulary size}.
 */
public interface LanguageModel extends AutoCloseable {
  /** Architecture and sizes. */
  ModelConfig config();

  /**
   * The weights, allocated unless the model was only declared, and whatever else was declared on
   * the same builder: heads, adapters.
   *
   * @throws IllegalStateException before the builder that the model was declared on is built
   */
  ParameterSet parameters();

  /** The residual stream after the final norm: {@code ids [B, T] -> [B, T, C]}. */
  Tensor hidden(ForwardPass pass, Tensor ids);

  /**
   * Like {@link #hidden(ForwardPass, Tensor)} for new tokens that follow those in {@code cache}.
   * Their keys and values are written to the cache; {@link KeyValueCache#append} then counts them.
   */
  Tensor hidden(ForwardPass pass, Tensor ids, KeyValueCache cache);

  /** Logits of the next token: {@code hidden [..., C] -> logits [..., V]}. */
  Tensor head(ForwardPass pass, Tensor hidden);

  /** {@code ids [B, T] -> logits [B, T, V]}. */
  default Tensor logits(ForwardPass pass, Tensor ids) {
    return head(pass, hidden(pass, ids));
  }

  /**
   * {@code scale} times the sum of the cross-entropies, in nats, of all non-negative targets; the
   * logits are never materialized whole.
   *
   * @param targets [B, T], the token after each of {@code ids}; negative to ignore a position
   * @param scale such as 1 / (targets of the global batch)
   */
  Tensor loss(ForwardPass pass, Tensor ids, Tensor targets, double scale);

  /** An empty cache for {@code batch} sequences of at most {@code capacity} tokens. */
  KeyValueCache newCache(ArrayPool pool, int batch, int capacity);

  /** Releases the weights' memory. */
  @Override
  default void close() {
    parameters().close();
  }
}
