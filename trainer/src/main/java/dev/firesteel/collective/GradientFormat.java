package dev.firesteel.collective;

/** How what {@link Collective#reduceScatter} adds up travels. Sums are in float32 either way. */
public enum GradientFormat {
  /** As it is: sums are the same bits for every power of two of ranks. */
  FP32,

  /**
   * Rounded to bfloat16, to nearest even, which halves the bytes; what rounding takes from a value
   * is added to what the rank sends in that place the next time (error feedback: F. Seide et al.,
   * 1-Bit Stochastic Gradient Descent, Interspeech 2014, section 3). So errors do not add up: over
   * any number of steps, the sum of all results is off by what is held back at the end, at most
   * 2^-8 of one partial sum for each time a value is sent.
   *
   * <p>The same bits each time for the same number of ranks and the same steps, but other bits for
   * another number of ranks, and for a run that was resumed: what is held back is not saved.
   *
   * <p>What is held back belongs to the n-th call of a step, which must have the same length in
   * each step. Memory: 4 bytes for each element of the calls of a step.
   */
  BF16
}
