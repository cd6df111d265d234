package dev.firesteel.backend.cpu;

import dev.firesteel.backend.Activation;
import dev.firesteel.backend.cpu.Worker.Scratch;

/**
 * Activations and their gradients over ranges, in blocks that stay in the L1 cache: a primitive of
 * {@link Simd} computes the transcendental part of a block, a plain loop the rest.
 *
 * <p>The tanh form of GELU is {@code x * sigmoid(z)} with {@code z = 2 sqrt(2/pi) (x + 0.044715
 * x^3)}, since {@code (1 + tanh u) / 2 = sigmoid(2u)}: no cancellation for negative x.
 */
final class Activations {
  private static final int BLOCK = 1024;

  /** {@code 2 sqrt(2/pi)}. */
  private static final float GELU_LINEAR = 1.5957692f;

  /** {@code 0.044715 * 2 sqrt(2/pi)}. */
  private static final float GELU_CUBIC = 0.071354814f;

  private Activations() {}

  /** {@code out[i] = f(x[i])}; out may be x. */
  static void forward(
      Worker worker, Activation f, float[] x, int xOffset, float[] out, int outOffset, int size) {
    if (f == Activation.IDENTITY) {
      if (x != out || xOffset != outOffset) {
        System.arraycopy(x, xOffset, out, outOffset, size);
      }
      return;
    }
    float[] first = worker.scratch(Scratch.FIRST, BLOCK);
    float[] second = worker.scratch(Scratch.SECOND, BLOCK);
    for (int start = 0; start < size; start += BLOCK) {
      int length = Math.min(BLOCK, size - start);
      gate(worker.simd(), f, x, xOffset + start, first, second, length);
      multiply(x, xOffset + start, first, 0, out, outOffset + start, length);
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
    if (f == Activation.IDENTITY) {
      if (dy != dx || dyOffset != dxOffset) {
        System.arraycopy(dy, dyOffset, dx, dxOffset, size);
      }
      return;
    }
    float[] first = worker.scratch(Scratch.FIRST, BLOCK);
    float[] second = worker.scratch(Scratch.SECOND, BLOCK);
    for (int start = 0; start < size; start += BLOCK) {
      int length = Math.min(BLOCK, size - start);
      int xAt = xOffset + start;
      gate(worker.simd(), f, x, xAt, first, second, length);
      slope(f, x, xAt, first, second, length);
      multiply(dy, dyOffset + start, first, 0, dx, dxOffset + start, length);
    }
  }

  /** {@code out = silu(gate) * up} over a range. */
  static void swiGlu(
      Worker worker,
      float[] gateUp,
      int gateOffset,
      int upOffset,
      float[] out,
      int outOffset,
      int size) {
    float[] first = worker.scratch(Scratch.FIRST, BLOCK);
    float[] second = worker.scratch(Scratch.SECOND, BLOCK);
    for (int start = 0; start < size; start += BLOCK) {
      int length = Math.min(BLOCK, size - start);
      int gate = gateOffset + start;
      int up = upOffset + start;
      int to = outOffset + start;
      worker.simd().sigmoid(gateUp, gate, first, second, 0, length);
      for (int i = 0; i < length; i++) {
        out[to + i] = gateUp[gate + i] * first[i] * gateUp[up + i];
      }
    }
  }

  /**
   * Gradient of {@link #swiGlu}: {@code dGate = dy up silu'(gate)}, {@code dUp = dy silu(gate)}.
   */
  static void swiGluBackward(
      Worker worker,
      float[] gateUp,
      int gateOffset,
      int upOffset,
      float[] dy,
      int dyOffset,
      float[] dGateUp,
      int dGateOffset,
      int dUpOffset,
      int size) {
    float[] first = worker.scratch(Scratch.FIRST, BLOCK);
    float[] second = worker.scratch(Scratch.SECOND, BLOCK);
    for (int start = 0; start < size; start += BLOCK) {
      int length = Math.min(BLOCK, size - start);
      int gate = gateOffset + start;
      int up = upOffset + start;
      int gradient = dyOffset + start;
      int dGate = dGateOffset + start;
      int dUp = dUpOffset + start;
      worker.simd().sigmoid(gateUp, gate, first, second, 0, length);
      for (int i = 0; i < length; i++) {
        float slope = first[i] + gateUp[gate + i] * first[i] * second[i];
        dGateUp[dGate + i] = dy[gradient + i] * gateUp[up + i] * slope;
      }
      for (int i = 0; i < length; i++) {
        dGateUp[dUp + i] = dy[gradient + i] * (gateUp[gate + i] * first[i]);
      }
    }
  }

  /**
   * The factor that f multiplies x with: {@code f(x) = x * gate}. The second array gets what {@link
   * #slope} needs besides: the sigmoid's complement or the normal density.
   */
  private static void gate(
      Simd simd, Activation f, float[] x, int xOffset, float[] gate, float[] second, int size) {
    switch (f) {
      case GELU_TANH -> {
        for (int i = 0; i < size; i++) {
          float value = x[xOffset + i];
          gate[i] = value * (GELU_LINEAR + GELU_CUBIC * (value * value));
        }
        simd.sigmoid(gate, 0, gate, second, 0, size);
      }
      case GELU_ERF -> simd.normal(x, xOffset, gate, second, 0, size);
      case SILU -> simd.sigmoid(x, xOffset, gate, second, 0, size);
      case IDENTITY -> throw new IllegalArgumentException("the identity has no gate");
    }
  }

  /** Turns the gate into the derivative {@code f'(x)}. */
  private static void slope(
      Activation f, float[] x, int xOffset, float[] gate, float[] second, int size) {
    switch (f) {
      case GELU_TANH -> {
        for (int i = 0; i < size; i++) {
          float value = x[xOffset + i];
          float inner = GELU_LINEAR + 3 * GELU_CUBIC * (value * value);
          gate[i] = gate[i] + value * inner * (gate[i] * second[i]);
        }
      }
      case GELU_ERF -> {
        for (int i = 0; i < size; i++) {
          gate[i] = gate[i] + x[xOffset + i] * second[i];
        }
      }
      case SILU -> {
        for (int i = 0; i < size; i++) {
          gate[i] = gate[i] + x[xOffset + i] * (gate[i] * second[i]);
        }
      }
      case IDENTITY -> throw new IllegalArgumentException("the identity has no gate");
    }
  }

  private static void multiply(
      float[] a, int aOffset, float[] b, int bOffset, float[] out, int outOffset, int size) {
    for (int i = 0; i < size; i++) {
      out[outOffset + i] = a[aOffset + i] * b[bOffset + i];
    }
  }
}
