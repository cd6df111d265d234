package dev.firesteel.tensor;

import dev.firesteel.array.DType;
import dev.firesteel.array.NdArray;
import dev.firesteel.array.Shape;
import dev.firesteel.array.ShapeException;
import dev.firesteel.backend.Backend.Write;
import java.util.Arrays;

/**
 * Rows of a table by id: {@code y[i] = table[ids[i]]}.
 *
 * <p>Shape: {@code ids [...] of I32, table [V, C] -> y [..., C]}. The table's gradient sums the
 * rows of equal ids in index order; ids have none.
 */
record Embedding() implements Op {
  @Override
  public boolean accepts(int operand, DType type) {
    return (operand == 0) == (type == DType.I32);
  }

  @Override
  public Shape outputShape(Shape... in) {
    if (in[1].rank() != 2) {
      throw new ShapeException("embedding", "the table must be [V, C]", in);
    }
    int[] dims = Arrays.copyOf(in[0].toArray(), in[0].rank() + 1);
    dims[in[0].rank()] = in[1].dim(1);
    return Shape.of(dims);
  }

  @Override
  public NdArray forward(Node node, NdArray... in) {
    NdArray out = node.allocate(in[1].dtype(), outputShape(in[0].shape(), in[1].shape()));
    node.backend().products().embedding(in[0], in[1], out);
    return out;
  }

  @Override
  public void backward(Node node, NdArray dy, NdArray... in) {
    node.accumulate(
        1,
        (target, write) -> {
          if (write == Write.SET) {
            node.backend().fill(target, 0);
          }
          node.backend().products().embeddingBackward(in[0], dy, target);
        });
  }
}
