package dev.firesteel.generate;

/** Logits of the next token for a batch of growing sequences. */
interface NextTokenScores {
  /** For each prompt, the logits [V] of what follows it; the caller may change them. */
  float[][] first();

  /**
   * Goes on: sequence i is from now on what sequence {@code sources[i]} was, and {@code tokens[i]}.
   */
  float[][] next(int[] sources, int[] tokens);
}
