package dev.firesteel.nn;

import dev.firesteel.backend.Activation;
import dev.firesteel.tensor.Tensor;

/**
 * A linear layer with an adapter, as {@link Lora} declares it: {@code y = f(x w^T + b + scale
 * dropout(x) A^T B^T)}. A pass {@linkplain ForwardPass#withoutAdapters without adapters} applies
 * the base alone, with the same bits as the base alone would have.
 */
final class LoraLinear implements Projection {
  private final Linear base;
  private final Parameter down;
  private final Parameter up;
  private final double scale;
  private final double dropout;

  /**
   * @param down A [r, in]
   * @param up B [out, r]
   */
  LoraLinear(Linear base, Parameter down, Parameter up, double scale, double dropout) {
    this.base = base;
    this.down = down;
    this.up = up;
    this.scale = scale;
    this.dropout = dropout;
  }

  @Override
  public Tensor apply(ForwardPass pass, Tensor x) {
    if (!pass.adapted()) {
      return base.apply(pass, x);
    }
    Tensor low = pass.dropout(x, dropout).linear(pass.tensor(down), null).scale(scale); // [..., r]
    Tensor sum = base.beforeActivation(pass, x).add(low.linear(pass.tensor(up), null));
    return base.activation() == Activation.IDENTITY ? sum : sum.activation(base.activation());
  }
}
