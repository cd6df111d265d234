package dev.firesteel.tensor;

import dev.firesteel.array.NdArray;
import dev.firesteel.array.Shape;
import dev.firesteel.array.ShapeException;
import dev.firesteel.backend.AttentionSpec;

/**
 * Causal self-attention over packed queries, keys and values, multi-head or grouped-query (Vaswani
 * et al. 2017; Ainslie et al. 2023): for each head {@code y = softmax(scale q k^T + mask) v}.
 *
 * <p>Shape: {@code qkv [B, T, (H + 2G) K] -> y [B, T, H K]}. Saves the output and the log-sum-exp
 * of each score row [B, H, T], from which backward recomputes the probabilities (Dao et al. 2022):
 * no T x T array is stored.
 */
record CausalAttention(AttentionSpec spec) implements Op {
  @Override
  public Shape outputShape(Shape... in) {
    if (in[0].rank() != 3 || in[0].last() != spec.packedWidth()) {
      throw new ShapeException(
          "causalAttention", "qkv must be [B, T, " + spec.packedWidth() + "] for " + spec, in);
    }
    return in[0].withLast(spec.outputWidth());
  }

  @Override
  public NdArray forward(Node node, NdArray... in) {
    Shape shape = in[0].shape();
    NdArray out = node.allocate(in[0].dtype(), shape.withLast(spec.outputWidth()));
    NdArray logSumExp = null;
    if (node.recorded()) {
      node.save(out);
      logSumExp =
          node.save(
              node.allocate(in[0].dtype(), Shape.of(shape.dim(0), spec.heads(), shape.dim(1))));
    }
    node.backend().attention().causalAttention(spec, in[0], out, logSumExp);
    return out;
  }

  @Override
  public void backward(Node node, NdArray dy, NdArray... in) {
    node.produce(
        0,
        target ->
            node.backend()
                .attention()
                .causalAttentionBackward(spec, in[0], node.saved(0), node.saved(1), dy, target));
  }
}
