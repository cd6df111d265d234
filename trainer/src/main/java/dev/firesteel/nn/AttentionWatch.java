package dev.firesteel.nn;

import dev.firesteel.backend.AttentionSpec;
import dev.firesteel.tensor.Tensor;

/** Looks at the operands of attention during a {@link ForwardPass}. */
@FunctionalInterface
public interface AttentionWatch {
  /**
   * Called for each layer, in the order of the network, before its attention is computed.
   *
   * @param spec the layer's heads
   * @param packed [B, T, (H + 2G) K], queries, keys and values as attention reads them: rotated,
   *     and with the norms of their heads; valid during this call
   * @param ranges [B, T, 2], the keys that each query sees
   */
  void attend(AttentionSpec spec, Tensor packed, Tensor ranges);
}
