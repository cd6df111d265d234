package dev.firesteel.tensor;

import dev.firesteel.array.DType;
import dev.firesteel.array.NdArray;
import dev.firesteel.array.Shape;
import dev.firesteel.array.ShapeException;
import dev.firesteel.backend.RopeSpec;

/**
 * Rotary position embedding (Su et al. 2021) of the leading heads of each row; see {@link
 * RopeSpec}.
 *
 * <p>Shape: {@code x [B, T, W], positions [B, T] (optional) -> y [B, T, W]}. The gradient is
 * rotated back by the same angles.
 */
record Rope(RopeSpec spec, boolean positioned) implements Op {
  @Override
  public boolean accepts(int operand, DType type) {
    return (operand == 1) == (type == DType.I32);
  }

  @Override
  public boolean backwardReads(int operand) {
    return operand == 1;
  }

  @Override
  public Shape outputShape(Shape... in) {
    if (in[0].rank() != 3 || in[0].last() < spec.heads() * spec.headWidth()) {
      throw new ShapeException("rope", "x must be [B, T, W] and hold the heads of " + spec, in);
    }
    if (positioned && !in[1].equals(Shape.of(in[0].dim(0), in[0].dim(1)))) {
      throw new ShapeException("rope", "positions must be [B, T] for x [B, T, W]", in);
    }
    return in[0];
  }

  @Override
  public NdArray forward(Node node, NdArray... in) {
    NdArray out = node.allocate(in[0].dtype(), in[0].shape());
    node.backend().attention().rope(spec, in[0], positioned ? in[1] : null, false, out);
    return out;
  }

  @Override
  public void backward(Node node, NdArray dy, NdArray... in) {
    node.produce(
        0,
        target ->
            node.backend().attention().rope(spec, dy, positioned ? in[1] : null, true, target));
  }
}
