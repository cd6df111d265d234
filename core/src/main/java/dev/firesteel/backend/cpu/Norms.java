package dev.firesteel.backend.cpu;

import dev.firesteel.backend.cpu.Worker.Scratch;

/** LayerNorm and RMSNorm of one row, forward and backward; a row stays in the L1 cache. */
final class Norms {
  private Norms() {}

  static float mean(Simd simd, float[] x, int offset, int size) {
    return simd.sum(x, offset, size) / size;
  }

  /** {@code 1 / sqrt(sum (x - mean)^2 / size + epsilon)}. */
  static float reciprocalDeviation(
      Simd simd, float[] x, int offset, int size, float mean, double epsilon) {
    double squares = simd.sumOfSquaredDifferences(x, offset, size, mean);
    return (float) (1 / Math.sqrt(squares / size + epsilon));
  }

  /** {@code out = (x - mean) * rstd * gain + bias}; RMSNorm has neither mean nor bias. */
  static void normalize(
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
      out[outOffset + i] = (x[xOffset + i] - mean) * rstd * gain[gainOffset + i];
    }
    if (bias != null) {
      Elementwise.add(out, outOffset, bias, biasOffset, size);
    }
  }

  /**
   * With {@code h = (x - mean) rstd} and {@code g = dy gain}: {@code dx (+)= rstd (g - mean(g) - h
   * mean(g h))}, without {@code mean(g)} when not {@code centred} (RMSNorm).
   */
  static void backwardInput(
      Worker worker,
      float[] x,
      int xOffset,
      float mean,
      float rstd,
      boolean centred,
      float[] gain,
      int gainOffset,
      float[] dy,
      int dyOffset,
      float[] dx,
      int dxOffset,
      int size,
      boolean add) {
    Simd simd = worker.simd();
    float[] g = worker.scratch(Scratch.FIRST, size);
    float[] h = worker.scratch(Scratch.SECOND, size);
    Elementwise.multiply(dy, dyOffset, gain, gainOffset, g, 0, size);
    for (int i = 0; i < size; i++) {
      h[i] = (x[xOffset + i] - mean) * rstd;
    }
    float gMean = centred ? simd.sum(g, 0, size) / size : 0f;
    float ghMean = simd.dot(g, 0, h, 0, size) / size;
    if (add) {
      for (int i = 0; i < size; i++) {
        dx[dxOffset + i] += rstd * (g[i] - gMean - h[i] * ghMean);
      }
    } else {
      for (int i = 0; i < size; i++) {
        dx[dxOffset + i] = rstd * (g[i] - gMean - h[i] * ghMean);
      }
    }
  }

  /** {@code dGain += dy (x - mean) rstd}. */
  static void addGainGradient(
      float[] x,
      int xOffset,
      float mean,
      float rstd,
      float[] dy,
      int dyOffset,
      float[] dGain,
      int dGainOffset,
      int size) {
    for (int i = 0; i < size; i++) {
      dGain[dGainOffset + i] += dy[dyOffset + i] * ((x[xOffset + i] - mean) * rstd);
    }
  }
}
