package dev.firesteel.backend.cpu;

import java.util.Arrays;

/** The norms in plain Java: the definition of their results. */
final class ScalarNorms implements NormSimd {
  private final float[] gLanes = new float[Simd.LANES];
  private final float[] ghLanes = new float[Simd.LANES];

  @Override
  public void normalize(
      float[] x,
      int xOffset,
      float mean,
      float rstd,
      float[] gain,
      int gainOffset,
      float[] bias,
      int biasOffset,
      float[] out,
      int outOffset,
      int size) {
    for (int i = 0; i < size; i++) {
      float h = (x[xOffset + i] - mean) * rstd;
      float factor = gain[gainOffset + i];
      out[outOffset + i] = bias == null ? h * factor : Math.fma(h, factor, bias[biasOffset + i]);
    }
  }

  @Override
  public void backward(
      float[] x,
      int xOffset,
      float mean,
      float rstd,
      boolean centred,
      float[] gain,
      int gainOffset,
      float[] dy,
      int dyOffset,
      float[] sums,
      int sumsOffset,
      float[] dx,
      int dxOffset,
      boolean add,
      int size) {
    Arrays.fill(gLanes, 0f);
    Arrays.fill(ghLanes, 0f);
    for (int i = 0; i < size; i++) {
      float h = (x[xOffset + i] - mean) * rstd;
      float gradient = dy[dyOffset + i];
      float g = gradient * gain[gainOffset + i];
      int lane = i % Simd.LANES;
      gLanes[lane] += g;
      ghLanes[lane] = Math.fma(g, h, ghLanes[lane]);
      sums[sumsOffset + i] = Math.fma(gradient, h, sums[sumsOffset + i]);
      sums[sumsOffset + size + i] += gradient;
    }
    if (dx == null) {
      return;
    }
    float gMean = centred ? Simd.addInHalves(gLanes) / size : 0f;
    float ghMean = Simd.addInHalves(ghLanes) / size;
    for (int i = 0; i < size; i++) {
      float h = (x[xOffset + i] - mean) * rstd;
      float g = dy[dyOffset + i] * gain[gainOffset + i];
      float rest = g - Math.fma(h, ghMean, gMean);
      dx[dxOffset + i] = add ? Math.fma(rest, rstd, dx[dxOffset + i]) : rest * rstd;
    }
  }
}
