package dev.firesteel.nn;

import dev.firesteel.backend.AttentionSpec;
import dev.firesteel.backend.RopeSpec;
import dev.firesteel.tensor.HeadColumns;
import dev.firesteel.tensor.Tensor;

/**
 * Self-attention, multi-head (Vaswani et al. 2017) or grouped-query (Ainslie et al. 2023), with or
 * without rotary positions (Su et al. 2021) and norms of heads: {@code [B, T, C] -> [B, T, C]}.
 *
 * <p>{@code qkv.weight [(H + 2G) K, C]} holds the rows query | key | value, {@code output.weight
 * [C, H K]}. There is no dropout on attention probabilities: the fused kernel never stores them.
 */
public final class CausalSelfAttention {
  private final AttentionSpec spec;
  private final RopeSpec rope;
  private final HeadNorms headNorms;
  private final Projection qkv;
  private final Projection output;

  /**
   * @param projections makes both matrices
   * @param rope rotates queries and keys; null for none
   * @param headNorms normalizes query and key heads before that; null for none
   * @param qkvBias whether queries, keys and values have biases
   * @param outputBias whether the output projection has a bias
   * @param standardDeviation of the packed matrix
   * @param residual of the projection back to the residual stream
   */
  public CausalSelfAttention(
      ParameterSet.Builder parameters,
      Projections projections,
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
        projections.declare(
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
        projections.declare(
            parameters, name + ".output", spec.outputWidth(), width, outputBias, residual);
  }

  /**
   * The heads' outputs, before the output projection: {@code [B, T, C] -> [B, T, H K]}.
   *
   * @param rows what each token sees, and where it stands
   */
  public Tensor attend(ForwardPass pass, Tensor x, Rows rows) {
    Tensor packed = packed(pass, x, rows);
    pass.showAttention(spec, packed, rows);
    return packed.attention(spec, rows.ranges());
  }

  /** Queries, keys and values, [B, T, (H + 2G) K]. */
  private Tensor packed(ForwardPass pass, Tensor x, Rows rows) {
    Tensor packed = qkv.apply(pass, x);
    if (headNorms != null) {
      packed = headNorms.apply(pass, packed);
    }
    if (rope == null) {
      return packed;
    }
    return rows.positions() == null ? packed.rope(rope) : packed.rope(rope, rows.positions());
  }

  /** The output projection of {@link #attend}: {@code [B, T, H K] -> [B, T, C]}. */
  public Tensor project(ForwardPass pass, Tensor attended) {
    return output.apply(pass, attended);
  }

  /**
   * Like {@link #attend(ForwardPass, Tensor, Rows)} for new tokens that follow those in {@code
   * cache}, to which their keys and values are written. Without a gradient. The first tokens of
   * sequences attend to each other as without a cache, so that rows need not be consecutive.
   *
   * @param layer the index of this layer in the cache
   */
  public Tensor attend(ForwardPass pass, Tensor x, Rows rows, CacheRows cache, int layer) {
    Tensor packed = packed(pass, x, rows);
    if (packed.requiresGradient()) {
      throw new UnsupportedOperationException(
          "attention with a cache has no gradient; use an inference tape");
    }
    cache.write(layer, packed.array(), spec);
    if (cache.isEmpty()) {
      return packed.attention(spec, rows.ranges());
    }
    return Tensor.attention(
        spec,
        new HeadColumns(packed, 0),
        new HeadColumns(pass.tape().constant(cache.keys(layer)), 0),
        new HeadColumns(pass.tape().constant(cache.values(layer)), 0),
        rows.ranges(),
        null);
  }
}
