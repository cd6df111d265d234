package dev.firesteel.backend;

/**
 * The precision of the matmuls of linear layers, of the language-model head and of {@link
 * AttentionKernels#attention}; everything else is float32 in both.
 */
public enum Precision {
  /** float32 operands and sums. */
  FP32,
  /**
   * bfloat16 operands (rounded to nearest even), float32 sums and results. Results are
   * bit-identical for any number of threads, but not across CPUs with different instruction sets.
   */
  BF16
}
