package dev.firesteel.tensor;

import dev.firesteel.array.NdArray;
import dev.firesteel.array.Shape;
import dev.firesteel.backend.Activation;
import dev.firesteel.backend.AttentionSpec;
import dev.firesteel.backend.RopeSpec;
import java.util.ArrayList;
import java.util.List;

/**
 * An array in a computation that may be differentiated. Created by a {@link Tape} or by an op on
 * other tensors; formulas, shapes and gradients are documented at the op's record, linked from each
 * method.
 */
public final class Tensor {
  private final Tape tape;
  private NdArray array;
  private final boolean requiresGradient;
  Tape.Gradient gradient;

  Tensor(Tape tape, NdArray array, boolean requiresGradient) {
    this.tape = tape;
    this.array = array;
    this.requiresGradient = requiresGradient;
  }

  public Tape tape() {
    return tape;
  }

  /** The value. Released with the tape, or by {@link Tape#backward} if it was computed. */
  public NdArray array() {
    return array;
  }

  /** The same value again, in other memory. */
  void recomputed(NdArray again) {
    array = again;
  }

  public Shape shape() {
    return array.shape();
  }

  /** Whether this was computed from a variable. */
  public boolean requiresGradient() {
    return requiresGradient;
  }

  /** The value of a scalar, copied to the host. */
  public double item() {
    double[] value = new double[1];
    if (shape().size() != 1) {
      throw new IllegalStateException("item: the tensor must be a scalar, got " + shape());
    }
    tape.backend().download(array, value, 0);
    return value[0];
  }

  /** {@link Add}: {@code other} may have a trailing part of this shape. */
  public Tensor add(Tensor other) {
    return tape.apply(new Add(), this, other);
  }

  /** {@link Multiply}. */
  public Tensor multiply(Tensor other) {
    return tape.apply(new Multiply(), this, other);
  }

  /** {@link Scale}. */
  public Tensor scale(double factor) {
    return tape.apply(new Scale(factor), this);
  }

  /** {@link Activate}. */
  public Tensor activation(Activation f) {
    return tape.apply(new Activate(f), this);
  }

  /** {@link SwiGlu}: this holds gate | up. */
  public Tensor swiGlu() {
    return tape.apply(new SwiGlu(), this);
  }

  /** {@link Dropout}; the tensor itself when the probability is 0. */
  public Tensor dropout(long key, double probability) {
    return probability == 0 ? this : tape.apply(new Dropout(key, probability), this);
  }

  /** {@link Linear} without activation; {@code bias} may be null. */
  public Tensor linear(Tensor weight, Tensor bias) {
    return linear(weight, bias, Activation.IDENTITY);
  }

  /** {@link Linear}; {@code bias} may be null. */
  public Tensor linear(Tensor weight, Tensor bias, Activation f) {
    return bias == null
        ? tape.apply(new Linear(f, false), this, weight)
        : tape.apply(new Linear(f, true), this, weight, bias);
  }

  /** {@link MatMul}. */
  public Tensor matMul(Tensor other) {
    return tape.apply(new MatMul(), this, other);
  }

  /** {@link Embedding}: this holds ids. */
  public Tensor embedding(Tensor table) {
    return tape.apply(new Embedding(), this, table);
  }

  /** {@link LayerNorm}; {@code bias} may be null. */
  public Tensor layerNorm(Tensor gain, Tensor bias, double epsilon) {
    return bias == null
        ? tape.apply(new LayerNorm(epsilon, false), this, gain)
        : tape.apply(new LayerNorm(epsilon, true), this, gain, bias);
  }

  /** {@link RmsNorm}. */
  public Tensor rmsNorm(Tensor gain, double epsilon) {
    return tape.apply(new RmsNorm(epsilon), this, gain);
  }

  /** {@link Softmax} over the last axis. */
  public Tensor softmax() {
    return tape.apply(new Softmax(), this);
  }

  /** {@link Rope} from position 0 on. */
  public Tensor rope(RopeSpec spec) {
    return tape.apply(new Rope(spec, false), this);
  }

  /** {@link Rope} at the position of each token, [B, T] of I32. */
  public Tensor rope(RopeSpec spec, Tensor positions) {
    return tape.apply(new Rope(spec, true), this, positions);
  }

  /**
   * {@link Attention} of packed q | k | v, which this holds.
   *
   * @param ranges [B, T, 2] of I32, the keys that each token sees
   */
  public Tensor attention(AttentionSpec spec, Tensor ranges) {
    return attention(
        spec,
        new HeadColumns(this, 0),
        new HeadColumns(this, spec.packedKeys()),
        new HeadColumns(this, spec.packedValues()),
        ranges,
        null);
  }

  /**
   * {@link Attention}.
   *
   * @param ranges [B, Tq, 2] of I32, the keys that each query sees
   * @param bias [H, Tq, Tk]; null for none
   */
  public static Tensor attention(
      AttentionSpec spec, HeadColumns q, HeadColumns k, HeadColumns v, Tensor ranges, Tensor bias) {
    List<Tensor> operands = new ArrayList<>();
    Attention op =
        new Attention(
            spec, source(operands, q), source(operands, k), source(operands, v), bias != null);
    operands.add(ranges);
    if (bias != null) {
      operands.add(bias);
    }
    return q.rows().tape.apply(op, operands.toArray(new Tensor[0]));
  }

  private static Attention.Source source(List<Tensor> operands, HeadColumns heads) {
    int at = operands.indexOf(heads.rows());
    if (at < 0) {
      at = operands.size();
      operands.add(heads.rows());
    }
    return new Attention.Source(at, heads.column());
  }

  /** {@link CrossEntropy}: this holds logits; one loss, in nats, per target. */
  public Tensor crossEntropy(Tensor targets) {
    return tape.apply(new CrossEntropy(), this, targets);
  }

  /** {@link LinearCrossEntropy}: {@code scale} times the sum of the losses, in nats. */
  public Tensor linearCrossEntropy(Tensor head, Tensor targets, double scale) {
    return tape.apply(new LinearCrossEntropy(scale), this, head, targets);
  }

  /** {@link TokenLosses}: the loss of each target, in nats, shaped like {@code targets}. */
  public Tensor tokenLosses(Tensor head, Tensor targets, double temperature) {
    return tape.apply(new TokenLosses(temperature, false), this, head, targets);
  }

  /** {@link TokenLosses}: [2, ...], the loss of each target and the entropy of each row. */
  public Tensor tokenLossesAndEntropies(Tensor head, Tensor targets, double temperature) {
    return tape.apply(new TokenLosses(temperature, true), this, head, targets);
  }

  /** {@link Reshape}. */
  public Tensor reshape(int... dims) {
    return tape.apply(new Reshape(Shape.of(dims)), this);
  }

  /** {@link Slice}; negative axes count from the end. */
  public Tensor slice(int axis, int start, int end) {
    return tape.apply(new Slice(axis(axis), start, end), this);
  }

  /** {@link Concat} of this and others; negative axes count from the end. */
  public Tensor concat(int axis, Tensor... others) {
    Tensor[] all = new Tensor[others.length + 1];
    all[0] = this;
    System.arraycopy(others, 0, all, 1, others.length);
    return tape.apply(new Concat(axis(axis)), all);
  }

  /** {@link Sum} of all elements. */
  public Tensor sum() {
    return tape.apply(new Sum(), this);
  }

  /** The mean of all elements. */
  public Tensor mean() {
    return sum().scale(1.0 / shape().size());
  }

  private int axis(int axis) {
    return axis < 0 ? shape().rank() + axis : axis;
  }

  @Override
  public String toString() {
    return "Tensor" + array;
  }
}
