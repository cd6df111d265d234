package dev.firesteel.benchmarks;

import dev.firesteel.array.DType;
import dev.firesteel.array.NdArray;
import dev.firesteel.array.Shape;
import dev.firesteel.backend.AttentionSpec;
import dev.firesteel.backend.Backend;
import dev.firesteel.backend.Heads;
import dev.firesteel.tensor.RowLayout;

/** Causal attention of rows [B, T, (H + 2G) K] that hold queries, keys and values. */
final class PackedAttention {
  private final AttentionSpec spec;
  private final NdArray ranges;

  PackedAttention(Backend backend, AttentionSpec spec, int batch, int tokens) {
    this.spec = spec;
    Shape shape = Shape.of(batch, tokens, 2);
    ranges = new NdArray(backend.allocate(DType.I32, shape.size()), 0, shape);
    backend.upload(RowLayout.whole(batch, tokens).causal(), 0, ranges);
  }

  void forward(Backend backend, NdArray qkv, NdArray out, NdArray logSumExp) {
    backend
        .attention()
        .attention(
            spec,
            Heads.queries(qkv),
            Heads.keys(spec, qkv),
            Heads.values(spec, qkv),
            ranges,
            null,
            out,
            logSumExp);
  }

  void backward(
      Backend backend, NdArray qkv, NdArray out, NdArray logSumExp, NdArray dOut, NdArray dQkv) {
    backend
        .attention()
        .attentionBackward(
            spec,
            Heads.queries(qkv),
            Heads.keys(spec, qkv),
            Heads.values(spec, qkv),
            ranges,
            null,
            out,
            logSumExp,
            dOut,
            Heads.queries(dQkv),
            Heads.keys(spec, dQkv),
            Heads.values(spec, dQkv),
            null);
  }
}
