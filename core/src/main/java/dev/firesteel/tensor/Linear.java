package dev.firesteel.tensor;

import dev.firesteel.array.NdArray;
import dev.firesteel.array.Shape;
import dev.firesteel.array.ShapeException;
import dev.firesteel.backend.Activation;
import java.util.function.IntPredicate;

/**
 * Fully connected layer {@code y = f(x w^T + b)} with its activation fused.
 *
 * <p>Shape: {@code x [..., K], w [N, K], b [N] (optional) -> y [..., N]}. Saves the sum before f
 * when f is not the identity. With {@code du = dy * f'(u)}: {@code dx = du w}, {@code dw = du^T x},
 * {@code db = sum of du's rows}.
 */
record Linear(Activation f, boolean bias) implements Op {
  @Override
  public boolean backwardReads(int operand) {
    return operand < 2;
  }

  /** x for the gradient of w, w for that of x: a frozen weight's x is not kept. */
  @Override
  public boolean backwardReads(int operand, IntPredicate wanted) {
    return operand < 2 && wanted.test(1 - operand);
  }

  @Override
  public boolean backwardMultiplies(int operand) {
    return operand == 0;
  }

  @Override
  public Shape outputShape(Shape... in) {
    boolean fits = in[0].rank() >= 1 && in[1].rank() == 2 && in[0].last() == in[1].dim(1);
    if (!fits) {
      throw new ShapeException("linear", "x [..., K] and w [N, K] must share K", in[0], in[1]);
    }
    if (bias && !in[2].equals(Shape.of(in[1].dim(0)))) {
      throw new ShapeException("linear", "the bias must be [N] for w [N, K]", in);
    }
    return in[0].withLast(in[1].dim(0));
  }

  @Override
  public NdArray forward(Node node, NdArray... in) {
    NdArray out = node.allocate(in[0].dtype(), in[0].shape().withLast(in[1].shape().dim(0)));
    NdArray preActivation = null;
    if (f != Activation.IDENTITY && node.recorded()) {
      preActivation = node.save(node.allocate(out.dtype(), out.shape()));
    }
    node.backend().products().linear(in[0], in[1], bias ? in[2] : null, f, preActivation, out);
    return out;
  }

  @Override
  public void backward(Node node, NdArray dy, NdArray... in) {
    GradientTarget db = bias ? node.target(2) : GradientTarget.NONE;
    NdArray du = dy;
    if (f != Activation.IDENTITY) {
      // The saved sum is last read here: its memory is reused for the gradient.
      du = node.saved(0);
      node.backend().elementwise().activationBackward(f, du, dy, du, db.array(), db.write());
    } else if (db.array() != null) {
      node.backend().reductions().sumRows(dy, db.array(), db.write());
    }
    NdArray gradient = du;
    node.accumulate(
        0,
        (target, write) ->
            node.backend().products().linearBackwardInput(gradient, in[1], target, write));
    node.accumulate(
        1,
        (target, write) ->
            node.backend().products().linearBackwardWeight(gradient, in[0], target, write));
  }
}
