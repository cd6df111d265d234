package dev.firesteel.backend.cpu;

/** The primitives of attention in plain Java: the definition of their results. */
final class ScalarAttention implements AttentionSimd {
  @Override
  public void multiplyRows(
      float[] a,
      int aOffset,
      float[] b,
      int bOffset,
      int depth,
      float[] c,
      int cOffset,
      boolean first) {
    multiply(a, aOffset, PANEL, 1, b, bOffset, depth, c, cOffset, first);
  }

  @Override
  public void multiplyColumns(
      float[] a,
      int aOffset,
      float[] b,
      int bOffset,
      int depth,
      float[] c,
      int cOffset,
      boolean first) {
    multiply(a, aOffset, 1, PANEL, b, bOffset, depth, c, cOffset, first);
  }

  private static void multiply(
      float[] a,
      int aOffset,
      int aRow,
      int aColumn,
      float[] b,
      int bOffset,
      int depth,
      float[] c,
      int cOffset,
      boolean first) {
    for (int r = 0; r < TILE_ROWS; r++) {
      for (int j = 0; j < TILE_COLUMNS; j++) {
        int at = cOffset + r * PANEL + j;
        float sum = first ? 0f : c[at];
        for (int k = 0; k < depth; k++) {
          sum = Math.fma(a[aOffset + r * aRow + k * aColumn], b[bOffset + k * PANEL + j], sum);
        }
        c[at] = sum;
      }
    }
  }

  @Override
  public void transpose(
      float[] from,
      int fromOffset,
      int fromStride,
      int rows,
      int width,
      float factor,
      float[] to,
      int toOffset) {
    for (int r = 0; r < rows; r++) {
      for (int j = 0; j < width; j++) {
        to[toOffset + j * PANEL + r] = factor * from[fromOffset + r * fromStride + j];
      }
    }
  }

  @Override
  public void copyRows(
      float[] from,
      int fromOffset,
      int fromStride,
      int rows,
      int width,
      float[] to,
      int toOffset,
      int toStride) {
    for (int r = 0; r < rows; r++) {
      System.arraycopy(from, fromOffset + r * fromStride, to, toOffset + r * toStride, width);
    }
  }

  @Override
  public void exponentials(float[] scores, int at, int keys, float[] maxima, float[] sums, int q) {
    for (int column = 0; column < GROUP; column++) {
      int end = at + column + keys * PANEL;
      float max = Float.NEGATIVE_INFINITY;
      for (int i = at + column; i < end; i += PANEL) {
        max = scores[i] > max ? scores[i] : max;
      }
      float sum = 0f;
      for (int i = at + column; i < end; i += PANEL) {
        scores[i] = Transcendentals.expOrZero(scores[i] - max);
        sum += scores[i];
      }
      maxima[q + column] = max;
      sums[q + column] = sum;
    }
  }

  @Override
  public void softmaxGradients(
      float[] scores, float[] gradients, int at, int keys, float[] logSums, int q, float scale) {
    for (int column = 0; column < GROUP; column++) {
      int end = at + column + keys * PANEL;
      float dot = 0f;
      for (int i = at + column; i < end; i += PANEL) {
        scores[i] = Transcendentals.expOrZero(scores[i] - logSums[q + column]);
        dot = Math.fma(scores[i], gradients[i], dot);
      }
      for (int i = at + column; i < end; i += PANEL) {
        gradients[i] = scores[i] * scale * (gradients[i] - dot);
      }
    }
  }

  @Override
  public void scaleRows(
      float[] from,
      int fromOffset,
      int fromStride,
      float[] factors,
      int rows,
      int width,
      float[] to,
      int toOffset,
      int toStride) {
    for (int r = 0; r < rows; r++) {
      for (int j = 0; j < width; j++) {
        to[toOffset + r * toStride + j] = factors[r] * from[fromOffset + r * fromStride + j];
      }
    }
  }

  @Override
  public void weightedSum(
      float[] weights,
      int weightsOffset,
      float[] rows,
      int offset,
      int stride,
      int count,
      int width,
      float[] sums,
      int sumsOffset) {
    for (int j = 0; j < width; j++) {
      float sum = 0f;
      for (int r = 0; r < count; r++) {
        sum = Math.fma(weights[weightsOffset + r], rows[offset + r * stride + j], sum);
      }
      sums[sumsOffset + j] = sum;
    }
  }

  @Override
  public void roundToBf16(float[] x, int offset, int size) {
    for (int i = offset; i < offset + size; i++) {
      x[i] = Bf16.toFloat(Bf16.of(x[i]));
    }
  }
}
