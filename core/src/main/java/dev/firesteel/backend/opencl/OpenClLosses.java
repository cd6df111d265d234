package dev.firesteel.backend.opencl;

import static dev.firesteel.backend.opencl.Launcher.size;

import dev.firesteel.array.NdArray;
import dev.firesteel.backend.Backend.Write;
import dev.firesteel.backend.IdChecks;
import dev.firesteel.backend.LossKernels;

/** Cross-entropy, a group of work-items for each row of logits. */
final class OpenClLosses implements LossKernels {
  /** Rows of logits that exist at a time in a fused head. */
  static final int HEAD_ROWS = 512;

  private final Launcher launcher;
  private final OpenClProducts products;
  private final DeviceKernel kernel;

  OpenClLosses(Launcher launcher, OpenClProducts products) {
    this.launcher = launcher;
    this.products = products;
    kernel = launcher.kernel();
  }

  @Override
  public void crossEntropy(NdArray logits, NdArray targets, NdArray losses, NdArray logSumExp) {
    int width = logits.shape().last();
    int at = targets(targets, width);
    launcher.result(0, losses);
    launcher.operand(1, logits);
    launcher.result(2, logSumExp);
    launcher.sizes(0, width, at);
    launcher.launch(DeviceKernel.CROSS_ENTROPY, logits.shape().rows());
  }

  @Override
  public void crossEntropyBackward(
      NdArray logits, NdArray targets, NdArray logSumExp, NdArray dLosses, NdArray dLogits) {
    int width = logits.shape().last();
    int at = targets(targets, width);
    launcher.result(0, dLogits);
    launcher.operand(1, logits);
    launcher.operand(2, logSumExp);
    launcher.operand(3, dLosses);
    kernel.factor0 = 1;
    launcher.elementwise(DeviceKernel.CROSS_ENTROPY_BACKWARD, size(logits), width, at);
  }

  @Override
  public void linearCrossEntropy(
      NdArray x, NdArray w, NdArray targets, double scale, NdArray losses, NdArray dx, NdArray dw) {
    int rows = x.shape().rows();
    int vocabulary = w.shape().dim(0);
    int at = targets(targets, vocabulary);
    DeviceFloats logits = launcher.floats((long) Math.min(rows, HEAD_ROWS) * vocabulary);
    for (int row = 0; row < rows; row += HEAD_ROWS) {
      int chunk = Math.min(HEAD_ROWS, rows - row);
      logits(x, w, row, chunk, 1, logits);
      launcher.result(0, losses, row);
      launcher.operand(1, logits);
      if (dx != null || dw != null) {
        launcher.operand(3, logits);
        kernel.factor0 = (float) scale;
      }
      launcher.sizes(0, vocabulary, at + row);
      launcher.launch(DeviceKernel.CROSS_ENTROPY, chunk);
      gradients(x, w, row, chunk, logits, dx, Write.SET, dw, row == 0 ? Write.SET : Write.ADD);
    }
    launcher.free(logits);
  }

  @Override
  public void tokenLosses(
      NdArray x,
      NdArray w,
      NdArray targets,
      double temperature,
      NdArray losses,
      NdArray logSumExp,
      NdArray entropies) {
    int rows = x.shape().rows();
    int vocabulary = w.shape().dim(0);
    int at = targets(targets, vocabulary);
    DeviceFloats logits = launcher.floats((long) Math.min(rows, HEAD_ROWS) * vocabulary);
    for (int row = 0; row < rows; row += HEAD_ROWS) {
      int chunk = Math.min(HEAD_ROWS, rows - row);
      logits(x, w, row, chunk, temperature, logits);
      launcher.result(0, losses, row);
      launcher.operand(1, logits);
      if (logSumExp != null) {
        launcher.result(2, logSumExp, row);
      }
      if (entropies != null) {
        launcher.result(4, entropies, row);
      }
      launcher.sizes(0, vocabulary, at + row);
      launcher.launch(DeviceKernel.CROSS_ENTROPY, chunk);
    }
    launcher.free(logits);
  }

  @Override
  public void tokenLossesBackward(
      NdArray x,
      NdArray w,
      NdArray targets,
      double temperature,
      NdArray logSumExp,
      NdArray entropies,
      NdArray dLosses,
      NdArray dEntropies,
      NdArray dx,
      Write dxWrite,
      NdArray dw,
      Write dwWrite) {
    int rows = x.shape().rows();
    int vocabulary = w.shape().dim(0);
    int at = targets(targets, vocabulary);
    DeviceFloats logits = launcher.floats((long) Math.min(rows, HEAD_ROWS) * vocabulary);
    for (int row = 0; row < rows; row += HEAD_ROWS) {
      int chunk = Math.min(HEAD_ROWS, rows - row);
      logits(x, w, row, chunk, temperature, logits);
      launcher.operand(0, logits);
      launcher.operand(1, logits);
      launcher.operand(2, logSumExp, row);
      launcher.operand(3, dLosses, row);
      if (dEntropies != null) {
        launcher.operand(4, entropies, row);
        launcher.operand(5, dEntropies, row);
      }
      kernel.factor0 = (float) (1 / temperature);
      launcher.elementwise(
          DeviceKernel.CROSS_ENTROPY_BACKWARD, chunk * vocabulary, vocabulary, at + row);
      gradients(x, w, row, chunk, logits, dx, dxWrite, dw, row == 0 ? dwWrite : Write.ADD);
    }
    launcher.free(logits);
  }

  /** {@code logits = x[row : row + chunk] w^T / temperature}. */
  private void logits(
      NdArray x, NdArray w, int row, int chunk, double temperature, DeviceFloats logits) {
    int vocabulary = w.shape().dim(0);
    int width = w.shape().dim(1);
    launcher.operand(0, logits);
    launcher.operand(1, x, row * width);
    launcher.operand(2, w);
    products.product(chunk, vocabulary, width, width, 1, 1, width);
    if (temperature != 1) {
      launcher.operand(0, logits);
      launcher.operand(1, logits);
      kernel.factor0 = (float) (1 / temperature);
      launcher.elementwise(DeviceKernel.SCALE, chunk * vocabulary);
    }
  }

  /** The gradients of a chunk's rows of x, and its part of the gradient of w. */
  private void gradients(
      NdArray x,
      NdArray w,
      int row,
      int chunk,
      DeviceFloats dLogits,
      NdArray dx,
      Write dxWrite,
      NdArray dw,
      Write dwWrite) {
    int vocabulary = w.shape().dim(0);
    int width = w.shape().dim(1);
    if (dx != null) {
      launcher.result(0, dx, row * width);
      kernel.adds = dxWrite == Write.ADD ? 1 : 0;
      launcher.operand(1, dLogits);
      launcher.operand(2, w);
      products.product(chunk, width, vocabulary, vocabulary, 1, width, 1);
    }
    if (dw != null) {
      launcher.result(0, dw, dwWrite);
      launcher.operand(1, dLogits);
      launcher.operand(2, x, row * width);
      products.product(vocabulary, width, chunk, 1, vocabulary, width, 1);
    }
  }

  /** The position of the targets, after checking that all are in the vocabulary. */
  private int targets(NdArray targets, int vocabulary) {
    int at = DeviceIntegers.at(targets);
    IdChecks.requireTargets(kernel.integers, at, size(targets), vocabulary);
    return at;
  }
}
