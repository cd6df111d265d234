package dev.firesteel.tensor;

import dev.firesteel.array.DType;
import dev.firesteel.array.NdArray;
import dev.firesteel.array.Shape;
import dev.firesteel.array.ShapeException;

/**
 * Fused language-model head and one loss per target, in nats: with {@code z = x w^T / temperature}
 * and {@code p = softmax(z)}, {@code loss[m] = -log p[m, t[m]]} and, if wanted, the entropy {@code
 * H[m] = -sum_v p[m, v] log p[m, v]}. Both are 0, and without gradient, if the target is negative.
 * The logits are never materialized whole.
 *
 * <p>Shape: {@code x [..., C], w [V, C], targets [...] of I32 -> losses [...]}, with entropies
 * {@code [2, ...]}: losses, then entropies. Saves the log-sum-exp and the entropies; backward
 * recomputes the logits and {@code dz[m, v] = dloss[m] (p[m, v] - [v = t[m]]) - dH[m] p[m, v] (log
 * p[m, v] + H[m])}.
 */
record TokenLosses(double temperature, boolean entropies) implements Op {
  TokenLosses {
    if (!(temperature > 0) || Double.isInfinite(temperature)) {
      throw new IllegalArgumentException(
          "tokenLosses: the temperature must be positive and finite, got " + temperature);
    }
  }

  @Override
  public boolean accepts(int operand, DType type) {
    return (operand == 2) == (type == DType.I32);
  }

  @Override
  public Shape outputShape(Shape... in) {
    boolean fits = in[0].rank() >= 1 && in[1].rank() == 2 && in[0].last() == in[1].dim(1);
    if (!fits || in[0].rows() != in[2].size()) {
      throw new ShapeException(
          "tokenLosses", "x [..., C], w [V, C] and one target for each row of x", in);
    }
    return entropies ? withEntropies(in[2]) : in[2];
  }

  private static Shape withEntropies(Shape targets) {
    int[] dims = new int[targets.rank() + 1];
    dims[0] = 2;
    System.arraycopy(targets.toArray(), 0, dims, 1, targets.rank());
    return Shape.of(dims);
  }

  @Override
  public NdArray forward(Node node, NdArray... in) {
    NdArray out =
        node.allocate(in[0].dtype(), outputShape(in[0].shape(), in[1].shape(), in[2].shape()));
    NdArray logSumExp = null;
    if (node.recorded()) {
      logSumExp = node.save(node.allocate(in[0].dtype(), in[2].shape()));
      node.save(out);
    }
    node.backend()
        .losses()
        .tokenLosses(
            in[0], in[1], in[2], temperature, losses(out), logSumExp, entropiesOrNull(out));
    return out;
  }

  @Override
  public void backward(Node node, NdArray dy, NdArray... in) {
    GradientTarget dx = node.target(0);
    GradientTarget dw = node.target(1);
    node.backend()
        .losses()
        .tokenLossesBackward(
            in[0],
            in[1],
            in[2],
            temperature,
            node.saved(0),
            entropiesOrNull(node.saved(1)),
            losses(dy),
            entropiesOrNull(dy),
            dx.array(),
            dx.write(),
            dw.array(),
            dw.write());
  }

  private NdArray losses(NdArray all) {
    return entropies ? all.slice(0, 1) : all;
  }

  private NdArray entropiesOrNull(NdArray all) {
    return entropies ? all.slice(1, 2) : null;
  }
}
