package dev.firesteel.backend;

import dev.firesteel.array.NdArray;
import dev.firesteel.backend.Backend.Write;

/**
 * Elementwise copies, sums, products and functions, and dropout.
 *
 * <p>The conventions of {@link Backend} hold here.
 */
public interface ElementwiseKernels {

  /** {@code out[i] = x[i]}; same size, any shapes. */
  void copy(NdArray x, NdArray out);

  /**
   * Copies (or adds) columns between matrices: {@code out[r, outStart + j] = x[r, xStart + j]} for
   * j in [0, columns). Implements slicing and concatenation along any axis, on a reshaped view.
   *
   * @param x [R, P]
   * @param out [R, Q]
   */
  void copyColumns(NdArray x, int xStart, NdArray out, int outStart, int columns, Write write);

  /** {@code out = a + b}; b repeats when its size is a divisor of a's (a trailing shape). */
  void add(NdArray a, NdArray b, NdArray out);

  /** {@code out += alpha * x}; same size, any shapes. */
  void addScaled(double alpha, NdArray x, NdArray out);

  /** {@code out = a * b}, elementwise, same sizes; {@code out} may be {@code a} or {@code b}. */
  void multiply(NdArray a, NdArray b, NdArray out);

  /** {@code out = alpha * x}; {@code out} may be {@code x}. */
  void scale(double alpha, NdArray x, NdArray out);

  /** {@code out = f(x)}; {@code out} may be {@code x}. */
  void activation(Activation f, NdArray x, NdArray out);

  /**
   * {@code dx = dy * f'(x)}, and in the same pass the gradient of a bias that was added before f.
   *
   * @param dx may be {@code x} or {@code dy}
   * @param dBias [N], the rows' width: {@code dBias (+)= sum over rows of dx}, as in {@link
   *     ReductionKernels#sumRows}; null if not needed
   * @param write how dBias is written
   */
  void activationBackward(
      Activation f, NdArray x, NdArray dy, NdArray dx, NdArray dBias, Write write);

  /**
   * SwiGLU (Shazeer 2020) on packed halves: {@code out = silu(gate) * up}.
   *
   * @param gateUp [M, 2F], a row is gate | up
   * @param out [M, F]
   */
  void swiGlu(NdArray gateUp, NdArray out);

  /** Gradient of {@link #swiGlu}: {@code dGateUp} [M, 2F] from {@code dy} [M, F]. */
  void swiGluBackward(NdArray gateUp, NdArray dy, NdArray dGateUp);

  /**
   * Inverted dropout (Srivastava et al. 2014): {@code out = x / (1 - p)} where element i of the
   * stream {@link dev.firesteel.random.Philox#uniform} of {@code key} is at least p (compared as
   * doubles), else 0. The mask is a function of the key and the element index, so the backward pass
   * is the same call on dy and stores nothing.
   */
  void dropout(NdArray x, long key, double probability, NdArray out);
}
