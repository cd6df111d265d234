package dev.firesteel.tensor;

import dev.firesteel.array.DType;
import dev.firesteel.array.NdArray;
import dev.firesteel.array.Shape;
import dev.firesteel.array.ShapeException;

/**
 * Cross-entropy of logits and target ids, in nats: {@code y[m] = logSumExp(x[m]) - x[m, t[m]]}; 0
 * and without gradient if the target is negative.
 *
 * <p>Shape: {@code logits [..., V], targets [...] of I32 -> losses [...]}. Saves the log-sum-exp;
 * {@code dx[m, v] = dy[m] (softmax(x[m])[v] - [v = t[m]])}.
 */
record CrossEntropy() implements Op {
  @Override
  public boolean accepts(int operand, DType type) {
    return (operand == 1) == (type == DType.I32);
  }

  @Override
  public Shape outputShape(Shape... in) {
    if (in[0].rank() < 1 || in[0].rows() != in[1].size()) {
      throw new ShapeException("crossEntropy", "there must be one target for each row", in);
    }
    return in[1];
  }

  @Override
  public NdArray forward(Node node, NdArray... in) {
    NdArray losses = node.allocate(in[0].dtype(), in[1].shape());
    NdArray logSumExp = node.save(node.allocate(in[0].dtype(), in[1].shape()));
    node.backend().losses().crossEntropy(in[0], in[1], losses, logSumExp);
    return losses;
  }

  @Override
  public void backward(Node node, NdArray dy, NdArray... in) {
    node.produce(
        0,
        target ->
            node.backend().losses().crossEntropyBackward(in[0], in[1], node.saved(0), dy, target));
  }
}
