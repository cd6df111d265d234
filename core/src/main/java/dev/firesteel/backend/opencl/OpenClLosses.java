package dev.firesteel.backend.opencl;

import static dev.firesteel.backend.opencl.Launcher.size;

import dev.firesteel.array.NdArray;
import dev.firesteel.backend.Backend.Write;
import dev.firesteel.backend.IdChecks;
import dev.firesteel.backend.LossKernels;

/** Cross-entropy, a group of work-items for each row of logits. */
final class OpenClLosses implements LossKernels {
  /** Rows of logits that exist at a time in {@link #linearCrossEntropy}. */
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
    launcher.elementwise(DeviceKernel.CROSS_ENTROPY_BACKWARD, size(logits), width, at);
  }

  @Override
  public void linearCrossEntropy(
      NdArray x, NdArray w, NdArray targets, double scale, NdArray losses, NdArray dx, NdArray dw) {
    int rows = x.shape().rows();
    int vocabulary = w.shape().dim(0);
    int width = w.shape().dim(1);
    int at = targets(targets, vocabulary);
    DeviceFloats logits = launcher.floats((long) Math.min(rows, HEAD_ROWS) * vocabulary);
    for (int row = 0; row < rows; row += HEAD_ROWS) {
      int chunk = Math.min(HEAD_ROWS, rows - row);
      launcher.operand(0, logits);
      launcher.operand(1, x, row * width);
      launcher.operand(2, w);
      products.product(chunk, vocabulary, width, width, 1, 1, width);
      launcher.result(0, losses, row);
      launcher.operand(1, logits);
      if (dx != null || dw != null) {
        launcher.operand(3, logits);
        kernel.factor0 = (float) scale;
      }
      launcher.sizes(0, vocabulary, at + row);
      launcher.launch(DeviceKernel.CROSS_ENTROPY, chunk);
      if (dx != null) {
        launcher.result(0, dx, row * width);
        launcher.operand(1, logits);
        launcher.operand(2, w);
        products.product(chunk, width, vocabulary, vocabulary, 1, width, 1);
      }
      if (dw != null) {
        launcher.result(0, dw, row == 0 ? Write.SET : Write.ADD);
        launcher.operand(1, logits);
        launcher.operand(2, x, row * width);
        products.product(vocabulary, width, chunk, 1, vocabulary, width, 1);
      }
    }
    launcher.free(logits);
  }

  /** The position of the targets, after checking that all are in the vocabulary. */
  private int targets(NdArray targets, int vocabulary) {
    int at = DeviceIntegers.at(targets);
    IdChecks.requireTargets(kernel.integers, at, size(targets), vocabulary);
    return at;
  }
}
