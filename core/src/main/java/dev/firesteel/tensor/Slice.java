package dev.firesteel.tensor;

import dev.firesteel.array.NdArray;
import dev.firesteel.array.Shape;
import dev.firesteel.array.ShapeException;
import dev.firesteel.backend.Backend.Write;

/** Elements {@code [start, end)} along an axis, copied; the gradient is 0 elsewhere. */
record Slice(int axis, int start, int end) implements Op {
  @Override
  public Shape outputShape(Shape... in) {
    if (axis < 0 || axis >= in[0].rank() || start < 0 || end < start || end > in[0].dim(axis)) {
      throw new ShapeException(
          "slice", "[" + start + ", " + end + ") must lie within axis " + axis, in);
    }
    return in[0].withDim(axis, end - start);
  }

  @Override
  public NdArray forward(Node node, NdArray... in) {
    NdArray out = node.allocate(in[0].dtype(), outputShape(in[0].shape()));
    int inner = Shapes.inner(in[0].shape(), axis);
    node.backend()
        .elementwise()
        .copyColumns(
            Shapes.asMatrix(in[0], axis),
            start * inner,
            Shapes.asMatrix(out, axis),
            0,
            (end - start) * inner,
            Write.SET);
    return out;
  }

  @Override
  public void backward(Node node, NdArray dy, NdArray... in) {
    node.accumulate(
        0,
        (target, write) -> {
          if (write == Write.SET) {
            node.backend().fill(target, 0);
          }
          int inner = Shapes.inner(target.shape(), axis);
          node.backend()
              .elementwise()
              .copyColumns(
                  Shapes.asMatrix(dy, axis),
                  0,
                  Shapes.asMatrix(target, axis),
                  start * inner,
                  (end - start) * inner,
                  Write.ADD);
        });
  }
}
