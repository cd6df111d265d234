package dev.firesteel.backend.opencl;

import static dev.firesteel.backend.opencl.Launcher.ceilDiv;

import dev.firesteel.array.NdArray;
import dev.firesteel.backend.Backend.Write;
import dev.firesteel.backend.NormKernels;

/** Norms, a group of work-items for each row. */
final class OpenClNorms implements NormKernels {
  private final Launcher launcher;
  private final OpenClReductions reductions;
  private final DeviceKernel kernel;

  OpenClNorms(Launcher launcher, OpenClReductions reductions) {
    this.launcher = launcher;
    this.reductions = reductions;
    kernel = launcher.kernel();
  }

  @Override
  public void layerNorm(
      NdArray x,
      NdArray gain,
      NdArray bias,
      double epsilon,
      NdArray out,
      NdArray mean,
      NdArray rstd) {
    launcher.result(5, mean);
    norm(x, gain, bias, epsilon, out, rstd);
  }

  @Override
  public void rmsNorm(NdArray x, NdArray gain, double epsilon, NdArray out, NdArray rstd) {
    norm(x, gain, null, epsilon, out, rstd);
  }

  private void norm(
      NdArray x, NdArray gain, NdArray bias, double epsilon, NdArray out, NdArray rstd) {
    launcher.result(0, out);
    launcher.operand(1, x);
    launcher.operand(2, gain);
    if (bias != null) {
      launcher.operand(3, bias);
    }
    launcher.result(4, rstd);
    kernel.factor0 = (float) epsilon;
    launcher.sizes(0, x.shape().last());
    launcher.launch(DeviceKernel.NORM, x.shape().rows());
  }

  @Override
  public void layerNormBackward(
      NdArray x,
      NdArray gain,
      NdArray mean,
      NdArray rstd,
      NdArray dy,
      NdArray dx,
      Write dxWrite,
      NdArray dGain,
      Write dGainWrite,
      NdArray dBias,
      Write dBiasWrite) {
    normBackward(x, gain, mean, rstd, dy, dx, dxWrite, dGain, dGainWrite);
    if (dBias != null) {
      reductions.sumRows(dy, dBias, dBiasWrite);
    }
  }

  @Override
  public void rmsNormBackward(
      NdArray x,
      NdArray gain,
      NdArray rstd,
      NdArray dy,
      NdArray dx,
      Write dxWrite,
      NdArray dGain,
      Write dGainWrite) {
    normBackward(x, gain, null, rstd, dy, dx, dxWrite, dGain, dGainWrite);
  }

  private void normBackward(
      NdArray x,
      NdArray gain,
      NdArray mean,
      NdArray rstd,
      NdArray dy,
      NdArray dx,
      Write dxWrite,
      NdArray dGain,
      Write dGainWrite) {
    int rows = x.shape().rows();
    int width = x.shape().last();
    if (dGain != null) {
      int blocks = ceilDiv(rows, OpenClReductions.SUM_ROWS);
      DeviceFloats partial = launcher.floats((long) blocks * width);
      launcher.operand(0, partial);
      normOperands(x, gain, mean, rstd, dy);
      launcher.sizes(rows, width, OpenClReductions.SUM_ROWS);
      launcher.launchOver(DeviceKernel.NORM_GAIN_BACKWARD, blocks * width);
      reductions.addPartial(partial, blocks, width, dGain, dGainWrite);
    }
    if (dx != null) {
      launcher.result(0, dx, dxWrite);
      normOperands(x, gain, mean, rstd, dy);
      launcher.sizes(0, width);
      launcher.launch(DeviceKernel.NORM_BACKWARD, rows);
    }
  }

  private void normOperands(NdArray x, NdArray gain, NdArray mean, NdArray rstd, NdArray dy) {
    launcher.operand(1, x);
    launcher.operand(2, gain);
    launcher.operand(3, dy);
    launcher.operand(4, rstd);
    if (mean != null) {
      launcher.operand(5, mean);
    }
  }
}
