package dev.firesteel.config;

import dev.firesteel.error.UserException;

/** Section {@code training}: how long, and in which batches. */
public record TrainingConfig(
    @Setting(
            byDefault = "0",
            meaning = "Optimizer updates. 0: as many as `tokens` takes, or 1000 where that is 0.")
        int steps,
    @Setting(
            byDefault = "0",
            meaning =
                "Tokens to train on, an alternative to `steps`: rounded up to whole steps. 0: not"
                    + " given.")
        long tokens,
    @Setting(
            byDefault = "16",
            meaning =
                "Sequences in one slot: one forward and backward pass. Part of the result, unlike"
                    + " the number of threads and executors.")
        int microBatchSize,
    @Setting(
            byDefault = "16",
            meaning = "Sequences in one optimizer step: a multiple of micro_batch_size.")
        int globalBatchSize,
    @Setting(byDefault = "0", meaning = "Tokens of one training sequence. 0: model.context_length.")
        int sequenceLength,
    @Setting(byDefault = "1.0", meaning = "Largest global norm of the gradient. 0: no clipping.")
        double gradientClip,
    @Setting(
            byDefault = "10",
            meaning =
                "Steps in a row whose loss or gradient is not finite that are skipped and reported"
                    + " before the run stops.")
        int skipNonFiniteLimit) {

  private static final int DEFAULT_STEPS = 1000;

  public TrainingConfig {
    Require.atLeast("training.steps", steps, 0);
    Require.atLeast("training.tokens", tokens, 0);
    Require.atLeast("training.micro_batch_size", microBatchSize, 1);
    Require.atLeast("training.global_batch_size", globalBatchSize, 1);
    Require.that(
        globalBatchSize % microBatchSize == 0,
        "training.global_batch_size must be a multiple of training.micro_batch_size (%d), got %d"
            .formatted(microBatchSize, globalBatchSize));
    Require.atLeast("training.sequence_length", sequenceLength, 0);
    Require.notNegative("training.gradient_clip", gradientClip);
    Require.atLeast("training.skip_non_finite_limit", skipNonFiniteLimit, 0);
  }

  /** Slots of one step: the micro-batches whose gradients are added up. */
  public int slots() {
    return globalBatchSize / microBatchSize;
  }

  /** Tokens of one step. */
  public long tokensPerStep() {
    return (long) globalBatchSize * sequenceLength;
  }

  TrainingConfig resolved(int contextLength) {
    int length = sequenceLength == 0 ? contextLength : sequenceLength;
    Require.that(
        length <= contextLength,
        "training.sequence_length must be at most model.context_length (%d), got %d: lower it or raise model.context_length"
            .formatted(contextLength, length));
    int resolvedSteps = steps;
    if (tokens > 0) {
      long perStep = (long) globalBatchSize * length;
      long implied = (tokens + perStep - 1) / perStep;
      if (implied > Integer.MAX_VALUE || (steps != 0 && steps != implied)) {
        throw UserException.usage(
            "training.tokens %d takes %d steps of %d tokens, got training.steps %d: give only one of the two"
                .formatted(tokens, implied, perStep, steps));
      }
      resolvedSteps = (int) implied;
    } else if (steps == 0) {
      resolvedSteps = DEFAULT_STEPS;
    }
    return new TrainingConfig(
        resolvedSteps,
        tokens,
        microBatchSize,
        globalBatchSize,
        length,
        gradientClip,
        skipNonFiniteLimit);
  }
}
