package dev.firesteel.tensor;

import dev.firesteel.array.NdArray;
import dev.firesteel.array.Shape;
import dev.firesteel.array.ShapeException;

/**
 * Sum {@code y = a + b}; b may have a trailing part of a's shape and is then broadcast (a bias, a
 * position table).
 *
 * <p>{@code da = dy}; {@code db = dy}, summed over the broadcast axes.
 */
record Add() implements Op {
  @Override
  public boolean backwardReads(int operand) {
    return false;
  }

  @Override
  public Shape outputShape(Shape... in) {
    if (!Shapes.isSuffix(in[1], in[0])) {
      throw new ShapeException("add", "b must have a's shape or a trailing part of it", in);
    }
    return in[0];
  }

  @Override
  public NdArray forward(Node node, NdArray... in) {
    NdArray out = node.allocate(in[0].dtype(), in[0].shape());
    node.backend().elementwise().add(in[0], in[1], out);
    return out;
  }

  @Override
  public void backward(Node node, NdArray dy, NdArray... in) {
    node.pass(0);
    if (in[1].shape().equals(dy.shape())) {
      node.pass(1);
    } else {
      int n = Math.toIntExact(in[1].size());
      NdArray rows = dy.reshape(Shape.of(Math.toIntExact(dy.size() / n), n));
      node.accumulate(
          1,
          (target, write) ->
              node.backend().reductions().sumRows(rows, target.reshape(Shape.of(n)), write));
    }
  }
}
