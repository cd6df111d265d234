package dev.firesteel.nn;

import dev.firesteel.backend.AttentionSpec;
import dev.firesteel.tensor.Tensor;

/**
 * RMSNorm of each query head and of each key head of packed rows, before they are rotated (Qwen3;
 * Dehghani et al. 2023, section 2.1): {@code [B, T, (H + 2G) K] -> [B, T, (H + 2G) K]}. {@code
 * query_norm.gain [K]} is that of all query heads, {@code key_norm.gain [K]} that of all key heads;
 * values are passed on.
 */
public final class HeadNorms implements Layer {
  private final AttentionSpec spec;
  private final RmsNorm queries;
  private final RmsNorm keys;

  public HeadNorms(
      ParameterSet.Builder parameters, String name, AttentionSpec spec, double epsilon) {
    this.spec = spec;
    queries = new RmsNorm(parameters, name + ".query_norm", spec.headWidth(), epsilon);
    keys = new RmsNorm(parameters, name + ".key_norm", spec.headWidth(), epsilon);
  }

  @Override
  public Tensor apply(ForwardPass pass, Tensor packed) {
    int heads = spec.heads() + 2 * spec.keyValueHeads();
    int firstValue = spec.heads() + spec.keyValueHeads();
    int rows = packed.shape().rows();
    Tensor byHead = packed.reshape(rows, heads, spec.headWidth());
    return queries
        .apply(pass, byHead.slice(1, 0, spec.heads()))
        .concat(
            1,
            keys.apply(pass, byHead.slice(1, spec.heads(), firstValue)),
            byHead.slice(1, firstValue, heads))
        .reshape(packed.shape().toArray());
  }
}
