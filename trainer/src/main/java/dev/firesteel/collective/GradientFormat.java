package dev.firesteel.collective;

/** How the operands of {@link Collective#reduceScatter} are sent. Sums are always in float32. */
public enum GradientFormat {
  /** Unchanged: sums have the same bits for every power-of-two number of ranks. */
  FP32,

  /**
   * Rounded to bfloat16, to nearest even, which halves the bytes. The rounding error of a value is
   * added to what the rank sends for that element the next time (error feedback: F. Seide et al.,
   * 1-Bit Stochastic Gradient Descent, Interspeech 2014, section 3). So errors do not accumulate:
   * over any number of steps, the sum of all results is off by the error carried at the end, at
   * most 2^-8 of one partial sum for each time a value is sent.
   *
   * <p>Bit-identical for the same number of ranks and the same steps, but different for another
   * number of ranks, and for a resumed run, because the carried error is not saved.
   *
   * <p>The carried error belongs to the n-th call of a step, which must have the same length in
   * each step. Memory: 4 bytes for each element of a step's calls.
   */
  BF16
}
