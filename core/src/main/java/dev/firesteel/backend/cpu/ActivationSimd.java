package dev.firesteel.backend.cpu;

/**
 * Activations and their gradients over ranges of {@code float[]}, one pass over memory each: {@link
 * ScalarActivations} in plain Java and {@link VectorActivations} are bit-identical for every input
 * (NaNs counting as equal). A result may overwrite an operand.
 *
 * <p>{@code sigmoidGated} is {@code x * sigmoid(z)} with {@code z = linear x + cubic x^3}, which is
 * SiLU and also the tanh form of GELU, since {@code (1 + tanh u) / 2 = sigmoid(2u)}: no
 * cancellation for negative x. {@code normalGated} is {@code x * Phi(x)}, the erf form of GELU.
 */
interface ActivationSimd {
  /** {@code out[i] = x[i] * sigmoid(z[i])}. */
  void sigmoidGated(
      float linear, float cubic, float[] x, int xOffset, float[] out, int outOffset, int size);

  /** {@code dx[i] = dy[i] * (s + x[i] z'(x[i]) s (1 - s))} with {@code s = sigmoid(z[i])}. */
  void sigmoidGatedBackward(
      float linear,
      float cubic,
      float[] x,
      int xOffset,
      float[] dy,
      int dyOffset,
      float[] dx,
      int dxOffset,
      int size);

  /** {@code out[i] = x[i] * Phi(x[i])}. */
  void normalGated(float[] x, int xOffset, float[] out, int outOffset, int size);

  /** {@code dx[i] = dy[i] * (Phi(x[i]) + x[i] Phi'(x[i]))}. */
  void normalGatedBackward(
      float[] x, int xOffset, float[] dy, int dyOffset, float[] dx, int dxOffset, int size);

  /** {@code out[i] = gate[i] * sigmoid(gate[i]) * up[i]}, gate and up being ranges of one array. */
  void swiGlu(float[] gateUp, int gateOffset, int upOffset, float[] out, int outOffset, int size);

  /**
   * With {@code s = sigmoid(gate[i])}: {@code dGate[i] = dy[i] up[i] (s + gate[i] s (1 - s))},
   * {@code dUp[i] = dy[i] gate[i] s}.
   */
  void swiGluBackward(
      float[] gateUp,
      int gateOffset,
      int upOffset,
      float[] dy,
      int dyOffset,
      float[] dGateUp,
      int dGateOffset,
      int dUpOffset,
      int size);
}
