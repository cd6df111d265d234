package dev.firesteel.backend.cpu;

import java.util.Arrays;

/** The primitives in plain Java: the definition of their results, and the form for any JVM. */
final class ScalarSimd implements Simd {
  private final ProductSimd products = new ScalarProducts();
  private final ElementwiseSimd elementwise = new ScalarElementwise();
  private final ActivationSimd activations = new ScalarActivations();
  private final NormSimd norms = new ScalarNorms();
  private final float[] lanes = new float[LANES];
  private final AttentionSimd attention = new ScalarAttention();

  @Override
  public String description() {
    return "scalar";
  }

  @Override
  public ProductSimd products() {
    return products;
  }

  @Override
  public ElementwiseSimd elementwise() {
    return elementwise;
  }

  @Override
  public ActivationSimd activations() {
    return activations;
  }

  @Override
  public NormSimd norms() {
    return norms;
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
