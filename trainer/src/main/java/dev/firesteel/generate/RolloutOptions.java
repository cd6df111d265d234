package dev.firesteel.generate;

import dev.firesteel.error.UserException;
import java.util.Set;

/**
 * How rollouts are sampled.
 *
 * @param maxTokens the longest completion, the end token included
 * @param temperature divides the logits; 0 selects the argmax
 * @param topK keep this many of the most likely tokens; 0 for all. Reinforcement learning assumes
 *     all: a policy's log-probabilities are those of the whole distribution
 * @param topP keep the smallest set of most likely tokens whose probabilities reach this sum; 1 for
 *     all, as above
 * @param ends tokens that end a completion
 * @param batch rows decoded together, at most
 * @param seed of all sampling
 */
public record RolloutOptions(
    int maxTokens,
    double temperature,
    int topK,
    double topP,
    Set<Integer> ends,
    int batch,
    long seed) {

  /** Checks all values. */
  public RolloutOptions {
    ends = Set.copyOf(ends);
    sampling(maxTokens, temperature, topK, topP);
    if (batch < 1) {
      throw UserException.usage("the batch of rollouts must be at least 1, got " + batch);
    }
  }

  /** Without top-k and top-p. */
  public RolloutOptions(
      int maxTokens, double temperature, Set<Integer> ends, int batch, long seed) {
    this(maxTokens, temperature, 0, 1, ends, batch, seed);
  }

  /** The options of the sampler, which checks them. */
  GenerationOptions sampling() {
    return sampling(maxTokens, temperature, topK, topP);
  }

  private static GenerationOptions sampling(
      int maxTokens, double temperature, int topK, double topP) {
    return GenerationOptions.builder()
        .maxTokens(maxTokens)
        .temperature(temperature)
        .topK(topK)
        .topP(topP)
        .build();
  }
}
