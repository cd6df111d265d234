package dev.firesteel.backend;

import dev.firesteel.array.NdArray;

/** Attention of rows that hold queries, keys and values, for tests. */
public final class Packed {
  private Packed() {}

  public static void forward(
      Backend backend,
      AttentionSpec spec,
      NdArray qkv,
      NdArray ranges,
      NdArray out,
      NdArray logSumExp) {
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

  public static void backward(
      Backend backend,
      AttentionSpec spec,
      NdArray qkv,
      NdArray ranges,
      NdArray out,
      NdArray logSumExp,
      NdArray dOut,
      NdArray dQkv) {
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
