package dev.firesteel.backend.cpu;

import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Primitives over ranges of {@code float[]} for the hot kernels, where plain loops would be slow.
 * Two implementations are bit-identical for every input (NaNs counting as equal): {@link
 * ScalarSimd} in plain Java, and {@link VectorSimd} on the Vector API.
 *
 * <p>Reductions have {@value #LANES} accumulators regardless of the hardware's vector width:
 * element i of a range goes to accumulator {@code i mod 16}, and the accumulators are added in
 * halves (8 + 8, 4 + 4, ...). Everything else is the same operation for each element.
 *
 * <p>An instance holds scratch memory and belongs to one thread.
 */
interface Simd {
  /** Accumulators of a reduction. */
  int LANES = 16;

  /** For the log: the implementation and its vector width. */
  String description();

  /** The primitives of matmul, in the same implementation. */
  ProductSimd products();

  /** Elementwise kernels, in the same implementation. */
  ElementwiseSimd elementwise();

  /** The activations, in the same implementation. */
  ActivationSimd activations();

  /** LayerNorm and RMSNorm, in the same implementation. */
  NormSimd norms();

  /** {@code sum x[i]}. */
  float sum(float[] x, int offset, int size);

  /** {@code sum a[i] * b[i]}, by fused multiply-add. */
  float dot(float[] a, int aOffset, float[] b, int bOffset, int size);

  /** {@code sum (x[i] - center)^2}, by fused multiply-add. */
  float sumOfSquaredDifferences(float[] x, int offset, int size, float center);

  /** {@code max x[i]}, negative infinity for an empty range; as {@code Math.max} for NaN and -0. */
  float max(float[] x, int offset, int size);

  /**
   * {@code out[i] = e^(x[i] - shift)} for arguments of at most 88, as {@link
   * Transcendentals#expOrZero}; in place when both ranges are the same.
   *
   * @return the sum of the results
   */
  float exp(float[] x, int xOffset, float shift, float[] out, int outOffset, int size);

  /** {@code out[i] = x[i]} rounded to bfloat16, as {@link Bf16#of}. */
  default void toBf16(float[] x, int xOffset, short[] out, int outOffset, int size) {
    toBf16(x, xOffset, size, 1, size, 1f, out, outOffset, size);
  }

  /**
   * {@code out[r, j] = factor * x[r, j]} rounded to bfloat16, as {@link Bf16#of}, with zeros
   * between the rows.
   *
   * @param stride from row to row of {@code x}
   * @param width elements of a row
   * @param outStride from row to row of {@code out}, at least {@code width}
   */
  void toBf16(
      float[] x,
      int xOffset,
      int stride,
      int rows,
      int width,
      float factor,
      short[] out,
      int outOffset,
      int outStride);

  /** The primitives of attention, in the same implementation. */
  AttentionSimd attention();

  /** Adds {@value #LANES} accumulators in halves, in registers. */
  static float addInHalves(float[] lanes) {
    float sum0 = lanes[0] + lanes[8];
    float sum1 = lanes[1] + lanes[9];
    float sum2 = lanes[2] + lanes[10];
    float sum3 = lanes[3] + lanes[11];
    float sum4 = lanes[4] + lanes[12];
    float sum5 = lanes[5] + lanes[13];
    float sum6 = lanes[6] + lanes[14];
    float sum7 = lanes[7] + lanes[15];
    sum0 += sum4;
    sum1 += sum5;
    sum2 += sum6;
    sum3 += sum7;
    return (sum0 + sum2) + (sum1 + sum3);
  }

  /** The implementation that a pool's threads use. */
  enum Choice {
    SCALAR {
      @Override
      Simd create() {
        return new ScalarSimd();
      }
    },
    VECTOR {
      @Override
      Simd create() {
        return VectorKernels.SHARED.create();
      }
    };

    private static final Logger LOG = LoggerFactory.getLogger(Simd.class);

    abstract Simd create();

    /**
     * The vector implementation if the JVM was started with the incubator module and the CPU has
     * fused multiply-add in vectors of at least four lanes, else the scalar one: they differ only
     * in speed.
     */
    static Choice best() {
      if (ModuleLayer.boot().findModule("jdk.incubator.vector").isEmpty()) {
        LOG.warn(
            "The Vector API is off, so fp32 kernels run scalar and many times slower; start Java"
                + " with --add-modules jdk.incubator.vector");
        return SCALAR;
      }
      if (VectorSimd.hardwareLanes() < 4) {
        LOG.warn("This CPU has no float vectors that the JVM can use: fp32 kernels run scalar");
        return SCALAR;
      }
      return VECTOR;
    }
  }
}
