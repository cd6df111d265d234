package dev.firesteel.generate;

import java.util.List;
import java.util.Set;

/**
 * Completions that an engine is asked for. Completion i takes its random numbers from the stream
 * (seed, "generate", i): those of {@link Generator}, for the same prompts in the same order.
 *
 * @param prompts ids, one prompt per completion; the same one may appear several times
 * @param options without beam search
 * @param adjustments what is added to logits
 * @param ends the tokens that end a completion
 * @param topScores how many of the most likely tokens to report with each token; -1 for no
 *     log-probabilities
 */
public record EngineRequest(
    List<int[]> prompts,
    GenerationOptions options,
    LogitAdjustments adjustments,
    Set<Integer> ends,
    int topScores) {
  /** Copies the lists. */
  public EngineRequest {
    prompts = List.copyOf(prompts);
    ends = Set.copyOf(ends);
    if (prompts.isEmpty()) {
      throw new IllegalArgumentException("engine: a request must have a prompt");
    }
    if (options.beams() != 1) {
      throw new IllegalArgumentException("engine: beams must be 1, got " + options.beams());
    }
  }
}
