package dev.firesteel.benchmarks;

import java.util.Locale;

/**
 * What is generated: {@code tokens} tokens after prompts of {@value #PROMPT}, greedily, for {@code
 * batch} sequences at once.
 *
 * @param shape its model; not its batch
 */
record GenerationTask(TrainingShape shape, int batch, int tokens) {
  static final int PROMPT = 32;

  /** Reads what {@link #encoded} wrote. */
  static GenerationTask of(String encoded) {
    String[] fields = encoded.split(",", -1);
    return new GenerationTask(
        TrainingShape.of(fields[0]), Integer.parseInt(fields[1]), Integer.parseInt(fields[2]));
  }

  /** As a program's argument. */
  String encoded() {
    return String.format(Locale.ROOT, "%s,%d,%d", shape.label(), batch, tokens);
  }

  /** Tokens that a sequence ends with. */
  int capacity() {
    return PROMPT + tokens;
  }

  /** Prompts with a continuation that nobody generated: [B, prompt + tokens]. */
  int[][] sequences() {
    return shape.withSequences(batch, capacity()).batch(0);
  }
}
