package dev.firesteel.backend.reference;

import static dev.firesteel.backend.reference.Elements.intAt;
import static dev.firesteel.backend.reference.Elements.size;

import dev.firesteel.array.HeapStorage;
import dev.firesteel.array.IntStorage;
import dev.firesteel.array.NdArray;
import dev.firesteel.backend.Activation;
import dev.firesteel.backend.Backend.Write;
import dev.firesteel.backend.IdChecks;
import dev.firesteel.backend.ProductKernels;

/** The formulas of {@link ProductKernels} as plain loops. */
final class ReferenceProducts implements ProductKernels {
  @Override
  public void linear(
      NdArray x, NdArray w, NdArray bias, Activation f, NdArray preActivation, NdArray out) {
    Elements input = Elements.of(x);
    Elements weight = Elements.of(w);
    Elements offset = Elements.orNull(bias);
    Elements before = Elements.resultOrNull(preActivation);
    Elements result = Elements.result(out);
    int inner = w.shape().dim(1);
    int columns = w.shape().dim(0);
    for (int m = 0; m < x.shape().rows(); m++) {
      for (int n = 0; n < columns; n++) {
        double sum = offset == null ? 0 : offset.get(n);
        for (int k = 0; k < inner; k++) {
          sum += input.get(m * inner + k) * weight.get(n * inner + k);
        }
        if (before != null) {
          before.set(m * columns + n, sum);
        }
        result.set(m * columns + n, Scalars.apply(f, sum));
      }
    }
  }

  @Override
  public void linearBackwardInput(NdArray dy, NdArray w, NdArray dx, Write write) {
    Elements gradient = Elements.of(dy);
    Elements weight = Elements.of(w);
    Elements result = Elements.result(dx);
    int columns = w.shape().dim(0);
    int inner = w.shape().dim(1);
    for (int m = 0; m < dy.shape().rows(); m++) {
      for (int k = 0; k < inner; k++) {
        double sum = 0;
        for (int n = 0; n < columns; n++) {
          sum += gradient.get(m * columns + n) * weight.get(n * inner + k);
        }
        result.write(m * inner + k, sum, write);
      }
    }
  }

  @Override
  public void linearBackwardWeight(NdArray dy, NdArray x, NdArray dw, Write write) {
    Elements gradient = Elements.of(dy);
    Elements input = Elements.of(x);
    Elements result = Elements.result(dw);
    int columns = dw.shape().dim(0);
    int inner = dw.shape().dim(1);
    for (int n = 0; n < columns; n++) {
      for (int k = 0; k < inner; k++) {
        double sum = 0;
        for (int m = 0; m < dy.shape().rows(); m++) {
          sum += gradient.get(m * columns + n) * input.get(m * inner + k);
        }
        result.write(n * inner + k, sum, write);
      }
    }
  }

  @Override
  public void matmul(
      NdArray a, boolean transposeA, NdArray b, boolean transposeB, NdArray out, Write write) {
    Elements left = Elements.of(a);
    Elements right = Elements.of(b);
    Elements result = Elements.result(out);
    int rows = out.shape().dim(-2);
    int columns = out.shape().dim(-1);
    int inner = a.shape().dim(transposeA ? -2 : -1);
    int batch = rows * columns == 0 ? 0 : size(out) / (rows * columns);
    for (int i = 0; i < batch; i++) {
      for (int m = 0; m < rows; m++) {
        for (int n = 0; n < columns; n++) {
          double sum = 0;
          for (int k = 0; k < inner; k++) {
            int leftAt = transposeA ? k * rows + m : m * inner + k;
            int rightAt = transposeB ? n * inner + k : k * columns + n;
            sum += left.get(i * rows * inner + leftAt) * right.get(i * inner * columns + rightAt);
          }
          result.write((i * rows + m) * columns + n, sum, write);
        }
      }
    }
  }

  @Override
  public void embedding(NdArray ids, NdArray table, NdArray out) {
    Elements from = Elements.of(table);
    Elements result = Elements.result(out);
    int rows = table.shape().dim(0);
    int width = table.shape().dim(1);
    IdChecks.requireRows(IntStorage.of(ids), HeapStorage.offset(ids), size(ids), rows);
    for (int i = 0; i < size(ids); i++) {
      int id = intAt(ids, i);
      for (int j = 0; j < width; j++) {
        result.set(i * width + j, from.get(id * width + j));
      }
    }
  }

  @Override
  public void embeddingBackward(NdArray ids, NdArray dy, NdArray dTable) {
    Elements gradient = Elements.of(dy);
    Elements result = Elements.result(dTable);
    int width = dTable.shape().dim(1);
    for (int i = 0; i < size(ids); i++) {
      for (int j = 0; j < width; j++) {
        result.write(intAt(ids, i) * width + j, gradient.get(i * width + j), Write.ADD);
      }
    }
  }
}
