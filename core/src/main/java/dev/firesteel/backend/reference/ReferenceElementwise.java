package dev.firesteel.backend.reference;

import static dev.firesteel.backend.reference.Elements.size;

import dev.firesteel.array.NdArray;
import dev.firesteel.backend.Activation;
import dev.firesteel.backend.Backend.Write;
import dev.firesteel.backend.ElementwiseKernels;
import dev.firesteel.backend.ReductionKernels;
import dev.firesteel.random.Philox;

/** The formulas of {@link ElementwiseKernels} as plain loops. */
final class ReferenceElementwise implements ElementwiseKernels {
  private final ReductionKernels reductions;

  ReferenceElementwise(ReductionKernels reductions) {
    this.reductions = reductions;
  }

  @Override
  public void copy(NdArray x, NdArray out) {
    Elements from = Elements.of(x);
    Elements result = Elements.result(out);
    for (int i = 0; i < size(x); i++) {
      result.set(i, from.get(i));
    }
  }

  @Override
  public void copyColumns(
      NdArray x, int xStart, NdArray out, int outStart, int columns, Write write) {
    Elements from = Elements.of(x);
    Elements result = Elements.result(out);
    int fromWidth = x.shape().last();
    int resultWidth = out.shape().last();
    for (int row = 0; row < x.shape().rows(); row++) {
      for (int j = 0; j < columns; j++) {
        result.write(
            row * resultWidth + outStart + j, from.get(row * fromWidth + xStart + j), write);
      }
    }
  }

  @Override
  public void add(NdArray a, NdArray b, NdArray out) {
    Elements left = Elements.of(a);
    Elements right = Elements.of(b);
    Elements result = Elements.result(out);
    for (int i = 0; i < size(a); i++) {
      result.set(i, left.get(i) + right.get(i % size(b)));
    }
  }

  @Override
  public void addScaled(double alpha, NdArray x, NdArray out) {
    Elements from = Elements.of(x);
    Elements result = Elements.result(out);
    for (int i = 0; i < size(x); i++) {
      result.write(i, alpha * from.get(i), Write.ADD);
    }
  }

  @Override
  public void multiply(NdArray a, NdArray b, NdArray out) {
    Elements left = Elements.of(a);
    Elements right = Elements.of(b);
    Elements result = Elements.result(out);
    for (int i = 0; i < size(a); i++) {
      result.set(i, left.get(i) * right.get(i));
    }
  }

  @Override
  public void scale(double alpha, NdArray x, NdArray out) {
    Elements from = Elements.of(x);
    Elements result = Elements.result(out);
    for (int i = 0; i < size(x); i++) {
      result.set(i, alpha * from.get(i));
    }
  }

  @Override
  public void activation(Activation f, NdArray x, NdArray out) {
    Elements from = Elements.of(x);
    Elements result = Elements.result(out);
    for (int i = 0; i < size(x); i++) {
      result.set(i, Scalars.apply(f, from.get(i)));
    }
  }

  @Override
  public void activationBackward(
      Activation f, NdArray x, NdArray dy, NdArray dx, NdArray dBias, Write write) {
    Elements from = Elements.of(x);
    Elements gradient = Elements.of(dy);
    Elements result = Elements.result(dx);
    for (int i = 0; i < size(x); i++) {
      result.set(i, gradient.get(i) * Scalars.derivative(f, from.get(i)));
    }
    if (dBias != null) {
      reductions.sumRows(dx, dBias, write);
    }
  }

  @Override
  public void swiGlu(NdArray gateUp, NdArray out) {
    Elements from = Elements.of(gateUp);
    Elements result = Elements.result(out);
    int width = out.shape().last();
    for (int row = 0; row < out.shape().rows(); row++) {
      for (int j = 0; j < width; j++) {
        double gate = from.get(row * 2 * width + j);
        double up = from.get(row * 2 * width + width + j);
        result.set(row * width + j, Scalars.apply(Activation.SILU, gate) * up);
      }
    }
  }

  @Override
  public void swiGluBackward(NdArray gateUp, NdArray dy, NdArray dGateUp) {
    Elements from = Elements.of(gateUp);
    Elements gradient = Elements.of(dy);
    Elements result = Elements.result(dGateUp);
    int width = dy.shape().last();
    for (int row = 0; row < dy.shape().rows(); row++) {
      for (int j = 0; j < width; j++) {
        int gateAt = row * 2 * width + j;
        int upAt = gateAt + width;
        double gate = from.get(gateAt);
        double up = from.get(upAt);
        double d = gradient.get(row * width + j);
        result.set(gateAt, d * up * Scalars.derivative(Activation.SILU, gate));
        result.set(upAt, d * Scalars.apply(Activation.SILU, gate));
      }
    }
  }

  @Override
  public void dropout(NdArray x, long key, double probability, NdArray out) {
    Elements from = Elements.of(x);
    Elements result = Elements.result(out);
    for (int i = 0; i < size(x); i++) {
      boolean kept = Philox.uniform(key, i) >= probability;
      result.set(i, kept ? from.get(i) / (1 - probability) : 0);
    }
  }
}
