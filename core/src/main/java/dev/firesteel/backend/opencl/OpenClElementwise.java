package dev.firesteel.backend.opencl;

import static dev.firesteel.backend.opencl.Launcher.size;

import dev.firesteel.array.NdArray;
import dev.firesteel.backend.Activation;
import dev.firesteel.backend.Backend.Write;
import dev.firesteel.backend.ElementwiseKernels;
import dev.firesteel.backend.ReductionKernels;

/** Launches over elements. */
final class OpenClElementwise implements ElementwiseKernels {
  private final Launcher launcher;
  private final ReductionKernels reductions;
  private final DeviceKernel kernel;

  OpenClElementwise(Launcher launcher, ReductionKernels reductions) {
    this.launcher = launcher;
    this.reductions = reductions;
    kernel = launcher.kernel();
  }

  @Override
  public void copy(NdArray x, NdArray out) {
    launcher.result(0, out);
    launcher.operand(1, x);
    launcher.elementwise(DeviceKernel.COPY, size(x));
  }

  @Override
  public void copyColumns(
      NdArray x, int xStart, NdArray out, int outStart, int columns, Write write) {
    int size = x.shape().rows() * columns;
    launcher.result(0, out, write);
    launcher.operand(1, x);
    launcher.sizes(size, columns, xStart, x.shape().last(), outStart, out.shape().last());
    launcher.launchOver(DeviceKernel.COPY_COLUMNS, size);
  }

  @Override
  public void add(NdArray a, NdArray b, NdArray out) {
    launcher.result(0, out);
    launcher.operand(1, a);
    launcher.operand(2, b);
    launcher.elementwise(DeviceKernel.ADD, size(a), size(b));
  }

  @Override
  public void addScaled(double alpha, NdArray x, NdArray out) {
    launcher.result(0, out);
    launcher.operand(1, x);
    kernel.factor0 = (float) alpha;
    launcher.elementwise(DeviceKernel.ADD_SCALED, size(x));
  }

  @Override
  public void multiply(NdArray a, NdArray b, NdArray out) {
    launcher.result(0, out);
    launcher.operand(1, a);
    launcher.operand(2, b);
    launcher.elementwise(DeviceKernel.MULTIPLY, size(a));
  }

  @Override
  public void scale(double alpha, NdArray x, NdArray out) {
    launcher.result(0, out);
    launcher.operand(1, x);
    kernel.factor0 = (float) alpha;
    launcher.elementwise(DeviceKernel.SCALE, size(x));
  }

  @Override
  public void activation(Activation f, NdArray x, NdArray out) {
    launcher.result(0, out);
    launcher.operand(1, x);
    launcher.activation(f);
    launcher.elementwise(DeviceKernel.ACTIVATION, size(x));
  }

  @Override
  public void activationBackward(
      Activation f, NdArray x, NdArray dy, NdArray dx, NdArray dBias, Write write) {
    launcher.result(0, dx);
    launcher.operand(1, x);
    launcher.operand(2, dy);
    launcher.activation(f);
    launcher.elementwise(DeviceKernel.ACTIVATION_BACKWARD, size(x));
    if (dBias != null) {
      reductions.sumRows(dx, dBias, write);
    }
  }

  @Override
  public void swiGlu(NdArray gateUp, NdArray out) {
    launcher.result(0, out);
    launcher.operand(1, gateUp);
    launcher.activation(Activation.SILU);
    launcher.elementwise(DeviceKernel.SWI_GLU, size(out), out.shape().last());
  }

  @Override
  public void swiGluBackward(NdArray gateUp, NdArray dy, NdArray dGateUp) {
    launcher.result(0, dGateUp);
    launcher.operand(1, gateUp);
    launcher.operand(2, dy);
    launcher.activation(Activation.SILU);
    launcher.elementwise(DeviceKernel.SWI_GLU_BACKWARD, size(dy), dy.shape().last());
  }

  @Override
  public void dropout(NdArray x, long key, double probability, NdArray out) {
    launcher.result(0, out);
    launcher.operand(1, x);
    kernel.factor0 = (float) (1 / (1 - probability));
    // A uniform number is a multiple of 2^-24: it is at least p where the multiple is at least
    // this.
    int threshold = (int) Math.ceil(probability * 0x1p24);
    launcher.sizes(size(x), (int) key, (int) (key >>> 32), threshold);
    launcher.launchOver(DeviceKernel.DROPOUT, (size(x) + 3) / 4);
  }
}
