package dev.firesteel.backend;

/** Elementwise activation functions. */
public enum Activation {
  /** {@code y = x}. */
  IDENTITY,
  /**
   * {@code y = x/2 * (1 + tanh(sqrt(2/pi) * (x + 0.044715 x^3)))}: GPT-2's GELU (Hendrycks and
   * Gimpel 2016, section 2).
   */
  GELU_TANH,
  /** {@code y = x * Phi(x) = x/2 * (1 + erf(x / sqrt 2))}: the exact GELU. */
  GELU_ERF,
  /** {@code y = x * sigmoid(x)} (Swish with beta 1). */
  SILU
}
