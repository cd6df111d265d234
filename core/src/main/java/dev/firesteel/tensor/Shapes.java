package dev.firesteel.tensor;

import dev.firesteel.array.NdArray;
import dev.firesteel.array.Shape;
import dev.firesteel.array.ShapeException;

/** Shape arithmetic shared by several ops. */
final class Shapes {
  private Shapes() {}

  /** Whether {@code part} equals the last axes of {@code whole}. */
  static boolean isSuffix(Shape part, Shape whole) {
    int skip = whole.rank() - part.rank();
    if (skip < 0) {
      return false;
    }
    for (int i = 0; i < part.rank(); i++) {
      if (part.dim(i) != whole.dim(skip + i)) {
        return false;
      }
    }
    return true;
  }

  /** Elements per index of {@code axis}: the product of the inner axes. */
  static int inner(Shape shape, int axis) {
    long inner = 1;
    for (int i = axis + 1; i < shape.rank(); i++) {
      inner *= shape.dim(i);
    }
    return Math.toIntExact(inner);
  }

  /** The matrix whose rows are the axes before {@code axis} and whose columns are the rest. */
  static NdArray asMatrix(NdArray x, int axis) {
    int columns = x.shape().dim(axis) * inner(x.shape(), axis);
    int rows = columns == 0 ? 0 : Math.toIntExact(x.size() / columns);
    return x.reshape(Shape.of(rows, columns));
  }

  /** Checks {@code x [..., C], gain [C], bias [C]} (the bias may be absent). */
  static void requireGain(String op, Shape... in) {
    for (int i = 1; i < in.length; i++) {
      if (in[0].rank() < 1 || !in[i].equals(Shape.of(in[0].last()))) {
        throw new ShapeException(op, "gain and bias must be [C] for x [..., C]", in);
      }
    }
  }
}
