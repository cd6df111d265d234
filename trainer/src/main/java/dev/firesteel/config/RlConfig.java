package dev.firesteel.config;

import dev.firesteel.error.UserException;
import dev.firesteel.example.ExampleKind;

/** What the configurations of reinforcement learning share. */
public interface RlConfig extends ExampleStageConfig {
  RolloutConfig rollouts();

  RewardsConfig rewards();

  KlConfig kl();

  UpdateConfig update();

  @Override
  default ExampleKind kind() {
    return ExampleKind.PROMPT;
  }

  /** Longest prompt in tokens: with a completion after it, it fits into the context. */
  default int promptLength() {
    return training().sequenceLength() - rollouts().maxTokens();
  }

  @Override
  default ExamplePreparation preparation() {
    return ExamplePreparation.of(data(), kind(), model().from(), promptLength());
  }

  /** Updates of a step. */
  default int updates() {
    return update().epochs() * (rollouts().completions() / training().globalBatchSize());
  }

  /** Rejects batches that do not fit together. */
  static void requireBatches(TrainingConfig training, RolloutConfig rollouts) {
    if (rollouts.completions() % training.globalBatchSize() != 0) {
      throw UserException.usage(
          "rollouts.prompts x rollouts.group_size (%d) must be a multiple of training.global_batch_size, got %d: change one of them"
              .formatted(rollouts.completions(), training.globalBatchSize()));
    }
    if (training.sequenceLength() <= rollouts.maxTokens()) {
      throw UserException.usage(
          "rollouts.max_tokens must be below training.sequence_length (%d), so that there is room for a prompt, got %d"
              .formatted(training.sequenceLength(), rollouts.maxTokens()));
    }
  }
}
