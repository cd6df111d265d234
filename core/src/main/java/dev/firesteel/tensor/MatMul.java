package dev.firesteel.tensor;

import dev.firesteel.array.NdArray;
import dev.firesteel.array.Shape;
import dev.firesteel.array.ShapeException;
import dev.firesteel.backend.Backend.Write;

/**
 * Batched matmul {@code y = a b} over equal leading axes.
 *
 * <p>Shape: {@code a [..., M, K], b [..., K, N] -> y [..., M, N]}. {@code da = dy b^T}, {@code db =
 * a^T dy}.
 */
record MatMul() implements Op {
  @Override
  public Shape outputShape(Shape... in) {
    boolean ranks = in[0].rank() >= 2 && in[0].rank() == in[1].rank();
    if (!ranks || in[0].dim(-1) != in[1].dim(-2)) {
      throw new ShapeException("matMul", "inner dimensions must match", in);
    }
    for (int i = 0; i < in[0].rank() - 2; i++) {
      if (in[0].dim(i) != in[1].dim(i)) {
        throw new ShapeException("matMul", "batch dimensions must match one by one", in);
      }
    }
    return in[0].withLast(in[1].last());
  }

  @Override
  public NdArray forward(Node node, NdArray... in) {
    NdArray out = node.allocate(in[0].dtype(), outputShape(in[0].shape(), in[1].shape()));
    node.backend().products().matmul(in[0], false, in[1], false, out, Write.SET);
    return out;
  }

  @Override
  public void backward(Node node, NdArray dy, NdArray... in) {
    node.accumulate(
        0,
        (target, write) -> node.backend().products().matmul(dy, false, in[1], true, target, write));
    node.accumulate(
        1,
        (target, write) -> node.backend().products().matmul(in[0], true, dy, false, target, write));
  }
}
