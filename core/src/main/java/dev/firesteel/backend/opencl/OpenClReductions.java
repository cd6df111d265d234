package dev.firesteel.backend.opencl;

import static dev.firesteel.backend.opencl.Launcher.ceilDiv;
import static dev.firesteel.backend.opencl.Launcher.size;

import dev.firesteel.array.NdArray;
import dev.firesteel.array.Shape;
import dev.firesteel.backend.Backend.Write;
import dev.firesteel.backend.ReductionKernels;

/** Sums in two launches: of blocks of fixed size, then of the blocks' sums. */
final class OpenClReductions implements ReductionKernels {
  /** Rows of one partial sum over rows. */
  static final int SUM_ROWS = 64;

  private final Launcher launcher;
  private final Staging staging;

  OpenClReductions(Launcher launcher, Staging staging) {
    this.launcher = launcher;
    this.staging = staging;
  }

  @Override
  public void sumRows(NdArray x, NdArray out, Write write) {
    int rows = x.shape().rows();
    int width = x.shape().last();
    if (rows <= SUM_ROWS) {
      launcher.result(0, out, write);
      launcher.operand(1, x);
      launcher.sizes(rows, width, SUM_ROWS);
      launcher.launchOver(DeviceKernel.SUM_ROWS, width);
      return;
    }
    int blocks = ceilDiv(rows, SUM_ROWS);
    DeviceFloats partial = launcher.floats((long) blocks * width);
    launcher.operand(0, partial);
    launcher.operand(1, x);
    launcher.sizes(rows, width, SUM_ROWS);
    launcher.launchOver(DeviceKernel.SUM_ROWS, blocks * width);
    addPartial(partial, blocks, width, out, write);
  }

  /** {@code out (+)= sum of the rows of partial}; releases {@code partial}. */
  void addPartial(DeviceFloats partial, int blocks, int width, NdArray out, Write write) {
    launcher.result(0, out, write);
    launcher.operand(1, partial);
    launcher.sizes(blocks, width, blocks);
    launcher.launchOver(DeviceKernel.SUM_ROWS, width);
    launcher.free(partial);
  }

  @Override
  public void sum(NdArray x, NdArray out) {
    int blocks = Math.max(1, ReductionKernels.blocks(size(x)));
    DeviceFloats partial = launcher.floats(blocks);
    launcher.operand(0, partial);
    launcher.operand(1, x);
    launcher.sizes(size(x), Math.min(size(x), BLOCK));
    launcher.launch(DeviceKernel.SUM_BLOCKS, blocks);
    launcher.result(0, out);
    launcher.operand(1, partial);
    launcher.sizes(blocks, blocks);
    launcher.launch(DeviceKernel.SUM_BLOCKS, 1);
    launcher.free(partial);
  }

  @Override
  public void sumsOfSquares(NdArray x, double[] sums, int first) {
    int blocks = ReductionKernels.blocks(size(x));
    if (blocks == 0) {
      return;
    }
    DeviceFloats partial = launcher.floats(2L * blocks);
    launcher.operand(0, partial);
    launcher.operand(1, x);
    launcher.sizes(size(x), Math.min(size(x), BLOCK));
    launcher.launch(DeviceKernel.SUM_SQUARES, blocks);
    float[] pairs = new float[2 * blocks];
    staging.download(new NdArray(partial, 0, Shape.of(pairs.length)), pairs, 0);
    for (int i = 0; i < blocks; i++) {
      sums[first + i] = (double) pairs[2 * i] + pairs[2 * i + 1];
    }
    launcher.free(partial);
  }
}
