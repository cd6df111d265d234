package dev.firesteel.backend;

/** What matrix products compute with; everything else is float32 in both. */
public enum Precision {
  /** float32 operands and sums. */
  FP32,
  /** bfloat16 operands (rounded to nearest even), float32 sums. */
  BF16
}
