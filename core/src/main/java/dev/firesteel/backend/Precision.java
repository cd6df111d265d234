package dev.firesteel.backend;

/**
 * What the products of linear layers and of the language-model head compute with; everything else,
 * attention included, is float32 in both.
 */
public enum Precision {
  /** float32 operands and sums. */
  FP32,
  /**
   * bfloat16 operands (rounded to nearest even), float32 sums and results. Bits are the same for
   * any number of threads, but not on CPUs of different instruction sets.
   */
  BF16
}
