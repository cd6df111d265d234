package dev.firesteel.tensor;

import dev.firesteel.array.NdArray;
import dev.firesteel.array.Shape;
import dev.firesteel.array.ShapeException;
import dev.firesteel.backend.Backend.Write;

/** Concatenates operands along an axis; each gets its part of the gradient. */
record Concat(int axis) implements Op {
  @Override
  public Shape outputShape(Shape... in) {
    int total = 0;
    for (Shape shape : in) {
      boolean fits =
          axis >= 0 && axis < shape.rank() && shape.withDim(axis, 0).equals(in[0].withDim(axis, 0));
      if (!fits) {
        throw new ShapeException("concat", "all axes but " + axis + " must be equal", in);
      }
      total += shape.dim(axis);
    }
    return in[0].withDim(axis, total);
  }

  @Override
  public NdArray forward(Node node, NdArray... in) {
    Shape[] shapes = new Shape[in.length];
    for (int i = 0; i < in.length; i++) {
      shapes[i] = in[i].shape();
    }
    NdArray out = node.allocate(in[0].dtype(), outputShape(shapes));
    NdArray to = Shapes.asMatrix(out, axis);
    int start = 0;
    for (NdArray x : in) {
      NdArray from = Shapes.asMatrix(x, axis);
      int columns = from.shape().last();
      node.backend().elementwise().copyColumns(from, 0, to, start, columns, Write.SET);
      start += columns;
    }
    return out;
  }

  @Override
  public void backward(Node node, NdArray dy, NdArray... in) {
    NdArray from = Shapes.asMatrix(dy, axis);
    int start = 0;
    for (int i = 0; i < in.length; i++) {
      int columns = Shapes.asMatrix(in[i], axis).shape().last();
      int at = start;
      node.accumulate(
          i,
          (target, write) ->
              node.backend()
                  .elementwise()
                  .copyColumns(from, at, Shapes.asMatrix(target, axis), 0, columns, write));
      start += columns;
    }
  }
}
