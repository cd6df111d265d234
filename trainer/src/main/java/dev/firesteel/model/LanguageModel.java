package dev.firesteel.model;

import dev.firesteel.array.ArrayPool;
import dev.firesteel.config.ModelConfig;
import dev.firesteel.nn.CacheRows;
import dev.firesteel.nn.ForwardPass;
import dev.firesteel.nn.KeyValueCache;
import dev.firesteel.nn.Lora;
import dev.firesteel.nn.ParameterSet;
import dev.firesteel.tensor.RowLayout;
import dev.firesteel.tensor.Tensor;
import java.util.Optional;

/**
 * A decoder-only transformer: maps token ids to a distribution of the next token at each position.
 *
 * <p>Ids and targets are I32, [B, T] with {@code 1 <= T <= context length} and {@code 0 <= id <
 * vocabulary size}.
 */
public interface LanguageModel extends AutoCloseable {
  /** Architecture and sizes. */
  ModelConfig config();

  /** The adapters beside the weights, if the model was declared with any. */
  Optional<Lora> adapters();

  /**
   * The weights, allocated unless the model was only declared, and whatever else was declared on
   * the same builder: heads, adapters.
   *
   * @throws IllegalStateException before the builder that the model was declared on is built
   */
  ParameterSet parameters();

  /**
   * The residual stream after the final norm, each row one document: {@code ids [B, T] -> [B, T,
   * C]}.
   */
  default Tensor hidden(ForwardPass pass, Tensor ids) {
    return hidden(pass, ids, whole(ids));
  }

  /**
   * The residual stream after the final norm: {@code ids [B, T] -> [B, T, C]}.
   *
   * @param layout the documents in the rows of {@code ids}
   */
  Tensor hidden(ForwardPass pass, Tensor ids, RowLayout layout);

  /** {@link #hidden(ForwardPass, Tensor, CacheRows)} of all rows of a cache. */
  default Tensor hidden(ForwardPass pass, Tensor ids, KeyValueCache cache) {
    return hidden(pass, ids, cache.all());
  }

  /**
   * Like {@link #hidden(ForwardPass, Tensor)} for new tokens that follow those in {@code cache}.
   * Their keys and values are written to the cache; {@link CacheRows#append} then counts them.
   *
   * @param cache B rows
   */
  Tensor hidden(ForwardPass pass, Tensor ids, CacheRows cache);

  /** Logits of the next token: {@code hidden [..., C] -> logits [..., V]}. */
  Tensor head(ForwardPass pass, Tensor hidden);

  /** {@code ids [B, T] -> logits [B, T, V]}. */
  default Tensor logits(ForwardPass pass, Tensor ids) {
    return head(pass, hidden(pass, ids));
  }

  /** {@link #loss(ForwardPass, Tensor, RowLayout, Tensor, double)}, each row one document. */
  default Tensor loss(ForwardPass pass, Tensor ids, Tensor targets, double scale) {
    return loss(pass, ids, whole(ids), targets, scale);
  }

  private static RowLayout whole(Tensor ids) {
    if (ids.shape().rank() != 2) {
      throw new IllegalArgumentException("model: ids must be [B, T], got " + ids.shape());
    }
    return RowLayout.whole(ids.shape().dim(0), ids.shape().dim(1));
  }

  /**
   * {@code scale} times the sum of the cross-entropies, in nats, of all non-negative targets; the
   * logits are never materialized whole.
   *
   * @param layout the documents in the rows of {@code ids}
   * @param targets [B, T], the token after each of {@code ids}; negative to ignore a position
   * @param scale such as 1 / (targets of the global batch)
   */
  Tensor loss(ForwardPass pass, Tensor ids, RowLayout layout, Tensor targets, double scale);

  /**
   * {@code -log p(target)} of each non-negative target, in nats, and 0 for the others, where p is
   * the distribution of the next token at a temperature; the logits are never materialized whole.
   *
   * @param hidden [B, T, C], from {@link #hidden}
   * @param targets [B, T], the token after each position; negative to ignore it
   * @param temperature by which logits are divided; positive
   * @return [B, T]
   */
  Tensor tokenLosses(ForwardPass pass, Tensor hidden, Tensor targets, double temperature);

  /**
   * Like {@link #tokenLosses}, followed by the entropy of p at each of these positions, in nats.
   *
   * @return [2, B, T]
   */
  Tensor tokenLossesAndEntropies(
      ForwardPass pass, Tensor hidden, Tensor targets, double temperature);

  /** An empty cache for {@code batch} sequences of at most {@code capacity} tokens. */
  KeyValueCache newCache(ArrayPool pool, int batch, int capacity);

  /** Releases the weights' memory. */
  @Override
  default void close() {
    parameters().close();
  }
}
