package dev.firesteel.nn;

import dev.firesteel.backend.AttentionSpec;
import dev.firesteel.backend.RopeSpec;
import dev.firesteel.tensor.Tensor;

/**
 * Causal self-attention, multi-head (Vaswani et al. 2017) or grouped-query (Ainslie et al. 2023),
 * with or without rotary positions (Su et al. 2021) and norms of heads: {@code [B, T, C] -> [B, T,
 * C]}.
 *
 * <p>{@code qkv.weight [(H + 2G) K, C]} holds the rows query | key | value, {@code output.weight
 * [C, H K]}. There is no dropout on attention probabilities: the fused kernel never stores them.
 */
public final class CausalSelfAttention implements Layer {
  private final AttentionSpec spec;
  private final RopeSpec rope;
  private final HeadNorms headNorms;
  private final Linear qkv;
  private final Linear output;

  /**
   * @param rope rotates queries and keys; null for none
   * @param headNorms normalizes query and key heads before that; null for none
   * @param qkvBias whether queries, keys and values have biases
   * @param outputBias whether the output projection has a bias
   * @param standardDeviation of the packed matrix
   * @param residual of the projection back to the residual stream
   */
  public CausalSelfAttention(
      ParameterSet.Builder parameters,
      String name,
      int width,
      AttentionSpec spec,
      RopeSpec rope,
      HeadNorms headNorms,
      boolean qkvBias,
      boolean outputBias,
      double standardDeviation,
      Initializer residual) {
    this.spec = spec;
    this.rope = rope;
    this.headNorms = headNorms;
    qkv =
        new Linear(
            parameters,
            name + ".qkv",
            width,
            spec.packedWidth(),
            qkvBias,
            Initializer.packedAttention(
                standardDeviation,
                spec.heads() * spec.headWidth(),
                spec.keyValueHeads() * spec.headWidth()));
    output =
        new Linear(parameters, name + ".output", spec.outputWidth(), width, outputBias, residual);
  }

  @Override
  public Tensor apply(ForwardPass pass, Tensor x) {
    return project(pass, attend(pass, x));
  }

  /** The heads' outputs, before the output projection: {@code [B, T, C] -> [B, T, H K]}. */
  public Tensor attend(ForwardPass pass, Tensor x) {
    Tensor packed = packed(pass, x);
    if (rope != null) {
      packed = packed.rope(rope);
    }
    return packed.causalAttention(spec);
  }

  /** The output projection of {@link #attend}: {@code [B, T, H K] -> [B, T, C]}. */
  public Tensor project(ForwardPass pass, Tensor attended) {
    return output.apply(pass, attended);
  }

  /**
   * Like {@link #apply(ForwardPass, Tensor)} for new tokens {@code x [B, T, C]} that follow those
   * in {@code cache}, to which their keys and values are written.
   *
   * @param layer the index of this layer in the cache
   */
  public Tensor apply(ForwardPass pass, Tensor x, KeyValueCache cache, int layer) {
    Tensor packed = packed(pass, x);
    Tensor positions = pass.tape().constant(cache.positions());
    if (rope != null) {
      packed = packed.rope(rope, positions);
    }
    Tensor keys = pass.tape().constant(cache.keys(layer));
    Tensor values = pass.tape().constant(cache.values(layer));
    return output.apply(pass, packed.cachedAttention(spec, keys, values, positions));
  }

  /** Queries, keys and values before they are rotated: {@code [B, T, C] -> [B, T, (H + 2G) K]}. */
  private Tensor packed(ForwardPass pass, Tensor x) {
    Tensor packed = qkv.apply(pass, x);
    return headNorms == null ? packed : headNorms.apply(pass, packed);
  }
}
