package dev.firesteel.backend.reference;

import static dev.firesteel.backend.reference.Elements.size;

import dev.firesteel.array.NdArray;
import dev.firesteel.backend.Backend.Write;
import dev.firesteel.backend.ReductionKernels;

/** The formulas of {@link ReductionKernels} as plain loops. */
final class ReferenceReductions implements ReductionKernels {
  @Override
  public void sumRows(NdArray x, NdArray out, Write write) {
    Elements from = Elements.of(x);
    Elements result = Elements.result(out);
    int width = x.shape().last();
    for (int n = 0; n < width; n++) {
      double sum = 0;
      for (int row = 0; row < x.shape().rows(); row++) {
        sum += from.get(row * width + n);
      }
      result.write(n, sum, write);
    }
  }

  @Override
  public void sum(NdArray x, NdArray out) {
    Elements from = Elements.of(x);
    double sum = 0;
    for (int i = 0; i < size(x); i++) {
      sum += from.get(i);
    }
    Elements.result(out).set(0, sum);
  }

  @Override
  public void sumsOfSquares(NdArray x, double[] sums, int first) {
    Elements from = Elements.of(x);
    int size = size(x);
    for (int start = 0; start < size; start += BLOCK) {
      double block = 0;
      for (int i = start; i < Math.min(size, start + BLOCK); i++) {
        block += from.get(i) * from.get(i);
      }
      sums[first + start / BLOCK] = block;
    }
  }
}
