package dev.firesteel.backend;

/**
 * What the products of linear layers, of the language-model head and of {@link
 * AttentionKernels#causalAttention} compute with; everything else is float32 in both.
 */
public enum Precision {
  /** float32 operands and sums. */
  FP32,
  /**
   * bfloat16 operands (rounded to nearest even), float32 sums and results; in attention for
   * sequences of 128 tokens and more. Bits are the same for any number of threads, but not on CPUs
   * of different instruction sets.
   */
  BF16
}
