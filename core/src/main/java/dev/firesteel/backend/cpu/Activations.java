package dev.firesteel.backend.cpu;

import dev.firesteel.backend.Activation;

/** Chooses the kernel for an activation or its gradient over a range. */
final class Activations {
  /** {@code 2 sqrt(2/pi)}. */
  private static final float GELU_LINEAR = 1.5957692f;

  /** {@code 0.044715 * 2 sqrt(2/pi)}. */
  private static final float GELU_CUBIC = 0.071354814f;

  private Activations() {}

  /** {@code out[i] = f(x[i])}; out may be x. */
  static void forward(
      Worker worker, Activation f, float[] x, int xOffset, float[] out, int outOffset, int size) {
    ActivationSimd kernels = worker.simd().activations();
    switch (f) {
      case IDENTITY -> copy(x, xOffset, out, outOffset, size);
      case GELU_TANH ->
          kernels.sigmoidGated(GELU_LINEAR, GELU_CUBIC, x, xOffset, out, outOffset, size);
      case GELU_ERF -> kernels.normalGated(x, xOffset, out, outOffset, size);
      case SILU -> kernels.sigmoidGated(1f, 0f, x, xOffset, out, outOffset, size);
    }
  }

  /** {@code dx[i] = dy[i] * f'(x[i])}; dx may be x or dy. */
  static void backward(
      Worker worker,
      Activation f,
      float[] x,
      int xOffset,
      float[] dy,
      int dyOffset,
      float[] dx,
      int dxOffset,
      int size) {
    ActivationSimd kernels = worker.simd().activations();
    switch (f) {
      case IDENTITY -> copy(dy, dyOffset, dx, dxOffset, size);
      case GELU_TANH ->
          kernels.sigmoidGatedBackward(
              GELU_LINEAR, GELU_CUBIC, x, xOffset, dy, dyOffset, dx, dxOffset, size);
      case GELU_ERF -> kernels.normalGatedBackward(x, xOffset, dy, dyOffset, dx, dxOffset, size);
      case SILU ->
          kernels.sigmoidGatedBackward(1f, 0f, x, xOffset, dy, dyOffset, dx, dxOffset, size);
    }
  }

  private static void copy(float[] from, int fromOffset, float[] to, int toOffset, int size) {
    if (from != to || fromOffset != toOffset) {
      System.arraycopy(from, fromOffset, to, toOffset, size);
    }
  }
}
