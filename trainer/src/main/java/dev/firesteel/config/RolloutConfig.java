package dev.firesteel.config;

/** Section {@code rollouts}: what the policy samples in each step. */
public record RolloutConfig(
    @Setting(byDefault = "32", meaning = "Prompts of a step.") int prompts,
    @Setting(byDefault = "1", meaning = "Completions of each prompt, which form a group.")
        int groupSize,
    @Setting(byDefault = "64", meaning = "Longest completion in tokens, the end token included.")
        int maxTokens,
    @Setting(
            byDefault = "1.0",
            meaning =
                "Sampling temperature. All log-probabilities are those of the logits divided by it.")
        double temperature,
    @Setting(
            byDefault = "32",
            resume = Resume.FREE,
            meaning =
                "Completions that a trainer decodes together; a finished one is replaced by the"
                    + " next. In fp32 it does not change the result.")
        int batch) {

  public RolloutConfig {
    Require.atLeast("rollouts.prompts", prompts, 1);
    Require.atLeast("rollouts.group_size", groupSize, 1);
    Require.atLeast("rollouts.max_tokens", maxTokens, 1);
    Require.positive("rollouts.temperature", temperature);
    Require.atLeast("rollouts.batch", batch, 1);
  }

  /** Completions of a step. */
  public int completions() {
    return Math.multiplyExact(prompts, groupSize);
  }
}
