package dev.firesteel.tensor;

import dev.firesteel.array.DType;
import dev.firesteel.array.NdArray;
import dev.firesteel.array.Shape;
import dev.firesteel.array.ShapeException;
import dev.firesteel.backend.AttentionSpec;

/**
 * Attention of new tokens over a cache of keys and values, to which it appends them; for
 * generation, so it has no gradient.
 *
 * <p>Shape: {@code qkv [B, T, (H + 2G) K], keys and values [B, G, S, K], positions [B] -> y [B, T,
 * H K]}.
 */
record CachedAttention(AttentionSpec spec) implements Op {
  @Override
  public boolean accepts(int operand, DType type) {
    return (operand == 3) == (type == DType.I32);
  }

  @Override
  public Shape outputShape(Shape... in) {
    boolean packed = in[0].rank() == 3 && in[0].last() == spec.packedWidth();
    boolean caches =
        packed
            && in[1].rank() == 4
            && in[1].equals(in[2])
            && in[1].dim(0) == in[0].dim(0)
            && in[1].dim(1) == spec.keyValueHeads()
            && in[1].dim(3) == spec.headWidth();
    if (!caches) {
      throw new ShapeException(
          "cachedAttention",
          "qkv must be [B, T, " + spec.packedWidth() + "] and both caches [B, G, S, K] for " + spec,
          in);
    }
    if (!in[3].equals(Shape.of(in[0].dim(0)))) {
      throw new ShapeException("cachedAttention", "positions must be [B] for qkv [B, T, W]", in);
    }
    return in[0].withLast(spec.outputWidth());
  }

  @Override
  public NdArray forward(Node node, NdArray... in) {
    if (node.recorded()) {
      throw noGradient();
    }
    NdArray out = node.allocate(in[0].dtype(), in[0].shape().withLast(spec.outputWidth()));
    node.backend().attention().cachedAttention(spec, in[0], in[1], in[2], in[3], out);
    return out;
  }

  @Override
  public void backward(Node node, NdArray dy, NdArray... in) {
    throw noGradient();
  }

  private static UnsupportedOperationException noGradient() {
    return new UnsupportedOperationException(
        "cachedAttention: generation has no gradient; use an inference tape");
  }
}
