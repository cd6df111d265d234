package dev.firesteel.optim;

import dev.firesteel.array.NdArray;
import dev.firesteel.array.Shape;
import dev.firesteel.nn.Parameter;
import dev.firesteel.nn.Segment;
import dev.firesteel.nn.SegmentRange;
import java.util.ArrayList;
import java.util.List;

/**
 * The matrices of parameters: those {@linkplain Parameter#stackedRows stacked} in one separately.
 */
final class Matrices {
  private Matrices() {}

  /**
   * One matrix.
   *
   * @param run its elements in a segment and how they are updated
   */
  record Matrix(UpdateRun run, int rows, int columns) {
    long begin() {
      return run.range().begin();
    }

    int size() {
      return Math.multiplyExact(rows, columns);
    }

    Shape shape() {
      return Shape.of(rows, columns);
    }

    /** The matrix in a segment. */
    NdArray in(Segment segment) {
      return segment.range(begin(), begin() + size()).reshape(shape());
    }
  }

  /** The matrices in a parameter of rank 2, in its order of rows. */
  static List<Matrix> of(Parameter parameter, ParameterGroups groups) {
    UpdateRun whole = groups.of(parameter);
    int columns = parameter.shape().last();
    List<Matrix> matrices = new ArrayList<>();
    long begin = parameter.offset();
    for (int rows : parameter.stackedRows()) {
      long end = begin + (long) rows * columns;
      UpdateRun run =
          new UpdateRun(
              new SegmentRange(begin, end), whole.learningRateFactor(), whole.weightDecay());
      matrices.add(new Matrix(run, rows, columns));
      begin = end;
    }
    return matrices;
  }
}
