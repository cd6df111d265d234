package dev.firesteel.tensor;

import dev.firesteel.array.NdArray;
import dev.firesteel.array.Shape;

/**
 * Inverted dropout with a mask that is a function of {@code key} and the element's index, so that
 * backward regenerates it instead of storing it: {@code y = mask * x / (1 - p)}, {@code dx = mask *
 * dy / (1 - p)}.
 */
record Dropout(long key, double probability) implements Op {
  @Override
  public boolean backwardReads(int operand) {
    return false;
  }

  @Override
  public Shape outputShape(Shape... in) {
    if (!(probability >= 0 && probability < 1)) {
      throw new IllegalArgumentException(
          "dropout: probability must be in [0, 1), got " + probability);
    }
    return in[0];
  }

  @Override
  public NdArray forward(Node node, NdArray... in) {
    NdArray out = node.allocate(in[0].dtype(), in[0].shape());
    node.backend().elementwise().dropout(in[0], key, probability, out);
    return out;
  }

  @Override
  public void backward(Node node, NdArray dy, NdArray... in) {
    node.produce(0, target -> node.backend().elementwise().dropout(dy, key, probability, target));
  }
}
