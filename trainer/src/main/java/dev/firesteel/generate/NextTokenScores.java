package dev.firesteel.generate;

/** Logits of the next token for a batch of growing sequences. */
interface NextTokenScores {
  /** For each prompt, the logits [V] of the next token; the caller may modify them. */
  float[][] first();

  /**
   * Advances the batch: sequence i becomes the former sequence {@code sources[i]} plus {@code
   * tokens[i]}.
   */
  float[][] next(int[] sources, int[] tokens);
}
