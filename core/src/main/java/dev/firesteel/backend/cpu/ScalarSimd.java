package dev.firesteel.backend.cpu;

import java.util.Arrays;

/** The primitives in plain Java: the definition of their results, and the form for any JVM. */
final class ScalarSimd implements Simd {
  private final ElementwiseKernels elementwise = new ScalarElementwise();
  private final ActivationKernels activations = new ScalarActivations();
  private final NormKernels norms = new ScalarNorms();
  private final float[] lanes = new float[LANES];
  private final AttentionSimd attention = new ScalarAttention();

  @Override
  public String description() {
    return "scalar";
  }

  @Override
  public ElementwiseKernels elementwise() {
    return elementwise;
  }

  @Override
  public ActivationKernels activations() {
    return activations;
  }

  @Override
  public NormKernels norms() {
    return norms;
  }

  @Override
  public void multiplyTile(
      float[] a,
      int aOffset,
      float[] b,
      int bOffset,
      int depth,
      float[] c,
      int cOffset,
      int cStride,
      boolean first) {
    for (int r = 0; r < TILE_ROWS; r++) {
      multiplyRow(a, aOffset + r, TILE_ROWS, b, bOffset, depth, c, cOffset + r * cStride, first);
    }
  }

  @Override
  public void multiplyFewRows(
      float[] a,
      int aOffset,
      int aStride,
      int rows,
      float[] b,
      int bOffset,
      int depth,
      float[] c,
      int cOffset,
      int cStride,
      boolean first) {
    for (int r = 0; r < rows; r++) {
      int row = cOffset + r * cStride;
      multiplyRow(a, aOffset + r * aStride, 1, b, bOffset, depth, c, row, first);
    }
  }

  /** One row of a tile; its left values are {@code aStep} apart. */
  private static void multiplyRow(
      float[] a,
      int aOffset,
      int aStep,
      float[] b,
      int bOffset,
      int depth,
      float[] c,
      int row,
      boolean first) {
    if (first) {
      Arrays.fill(c, row, row + TILE_COLUMNS, 0f);
    }
    for (int k = 0; k < depth; k++) {
      float left = a[aOffset + k * aStep];
      int right = bOffset + k * TILE_COLUMNS;
      for (int j = 0; j < TILE_COLUMNS; j++) {
        c[row + j] = Math.fma(left, b[right + j], c[row + j]);
      }
    }
  }

  @Override
  public void packRows(
      float[] x, int offset, int stride, int rows, float[] panel, int panelOffset) {
    for (int r = 0; r < rows; r++) {
      System.arraycopy(x, offset + r * stride, panel, panelOffset + r * TILE_COLUMNS, TILE_COLUMNS);
    }
  }

  @Override
  public void packColumns(
      float[] x,
      int offset,
      int stride,
      int rows,
      int columns,
      float[] panels,
      int panelOffset,
      int panelStride) {
    for (int r = 0; r < rows; r++) {
      for (int i = 0; i < columns; i += TILE_ROWS) {
        int to = panelOffset + i / TILE_ROWS * panelStride + r * TILE_ROWS;
        System.arraycopy(x, offset + r * stride + i, panels, to, TILE_ROWS);
      }
    }
  }

  @Override
  public float sum(float[] x, int offset, int size) {
    Arrays.fill(lanes, 0f);
    for (int i = 0; i < size; i++) {
      lanes[i % LANES] += x[offset + i];
    }
    return Simd.addInHalves(lanes);
  }

  @Override
  public float dot(float[] a, int aOffset, float[] b, int bOffset, int size) {
    Arrays.fill(lanes, 0f);
    for (int i = 0; i < size; i++) {
      lanes[i % LANES] = Math.fma(a[aOffset + i], b[bOffset + i], lanes[i % LANES]);
    }
    return Simd.addInHalves(lanes);
  }

  @Override
  public float sumOfSquaredDifferences(float[] x, int offset, int size, float center) {
    Arrays.fill(lanes, 0f);
    for (int i = 0; i < size; i++) {
      float difference = x[offset + i] - center;
      lanes[i % LANES] = Math.fma(difference, difference, lanes[i % LANES]);
    }
    return Simd.addInHalves(lanes);
  }

  @Override
  public float max(float[] x, int offset, int size) {
    float max = Float.NEGATIVE_INFINITY;
    for (int i = 0; i < size; i++) {
      max = Math.max(max, x[offset + i]);
    }
    return max;
  }

  @Override
  public float exp(float[] x, int xOffset, float shift, float[] out, int outOffset, int size) {
    Arrays.fill(lanes, 0f);
    for (int i = 0; i < size; i++) {
      float exp = Transcendentals.expOrZero(x[xOffset + i] - shift);
      out[outOffset + i] = exp;
      lanes[i % LANES] += exp;
    }
    return Simd.addInHalves(lanes);
  }

  @Override
  public void toBf16(
      float[] x,
      int xOffset,
      int stride,
      int rows,
      int width,
      float factor,
      short[] out,
      int outOffset,
      int outStride) {
    for (int r = 0; r < rows; r++) {
      for (int i = 0; i < outStride; i++) {
        out[outOffset + r * outStride + i] =
            i < width ? Bf16.of(factor * x[xOffset + r * stride + i]) : (short) 0;
      }
    }
  }

  @Override
  public AttentionSimd attention() {
    return attention;
  }
}
