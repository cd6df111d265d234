package dev.firesteel.tensor;

import dev.firesteel.array.DType;
import dev.firesteel.array.NdArray;
import dev.firesteel.array.Shape;
import dev.firesteel.array.ShapeException;

/**
 * Fused language-model head and loss: {@code y = scale * sum_m crossEntropy(x[m] w^T, t[m])}, in
 * chunks of rows so that the logits are never materialized whole. Rows with a negative target are
 * ignored.
 *
 * <p>Shape: {@code x [..., C], w [V, C], targets [...] of I32 -> y []}. Forward computes the
 * gradients as well (otherwise the logits would have to be computed twice), w's directly into its
 * final buffer if the loss is this op's output; backward multiplies them by dy.
 */
record LinearCrossEntropy(double scale) implements Op {
  @Override
  public boolean accepts(int operand, DType type) {
    return (operand == 2) == (type == DType.I32);
  }

  @Override
  public Shape outputShape(Shape... in) {
    boolean fits = in[0].rank() >= 1 && in[1].rank() == 2 && in[0].last() == in[1].dim(1);
    if (!fits || in[0].rows() != in[2].size()) {
      throw new ShapeException(
          "linearCrossEntropy", "x [..., C], w [V, C] and one target for each row of x", in);
    }
    return Shape.scalar();
  }

  @Override
  public NdArray forward(Node node, NdArray... in) {
    NdArray dx = node.save(node.wants(0) ? node.gradientAhead(0) : null);
    NdArray dw = node.save(node.wants(1) ? node.gradientAhead(1) : null);
    NdArray losses = node.temporary(in[0].dtype(), in[2].shape());
    NdArray total = node.allocate(in[0].dtype(), Shape.scalar());
    node.backend().losses().linearCrossEntropy(in[0], in[1], in[2], scale, losses, dx, dw);
    node.backend().reductions().sum(losses, total);
    node.backend().elementwise().scale(scale, total, total);
    return total;
  }

  @Override
  public void backward(Node node, NdArray dy, NdArray... in) {
    double[] factor = new double[1];
    node.backend().download(dy, factor, 0);
    node.accumulateComputed(0, factor[0], node.saved(0));
    node.accumulateComputed(1, factor[0], node.saved(1));
  }
}
