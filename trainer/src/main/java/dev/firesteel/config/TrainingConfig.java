package dev.firesteel.config;

import dev.firesteel.error.UserException;
import java.math.BigDecimal;
import java.math.RoundingMode;

/**
 * Section {@code training}: the length of the run and the batch sizes.
 *
 * <p>The length is set by one of {@code steps}, {@code tokens} and {@code epochs}. {@code steps} is
 * derived from the others: from tokens immediately, from epochs once the size of the training text
 * is known ({@link #withSamples}); until then it is 0.
 */
public record TrainingConfig(
    @Setting(
            byDefault = "0",
            resume = Resume.SAME_RATES,
            meaning =
                "Steps: updates of the weights, or rounds of rollouts (ppo, grpo). 0: derived from"
                    + " `tokens` or `epochs`; if neither is given, 1000 (pretrain), 100 (ppo,"
                    + " grpo), those of one epoch (all others).")
        int steps,
    @Setting(
            byDefault = "0",
            resume = Resume.SAME_RATES,
            meaning =
                "Tokens to train on, an alternative to `steps`: rounded up to whole steps. 0: not"
                    + " given.")
        long tokens,
    @Setting(
            byDefault = "0.0",
            resume = Resume.SAME_RATES,
            meaning =
                "Passes over the training text, an alternative to `steps`: epochs x samples per"
                    + " epoch / global_batch_size, rounded up. The number of steps is known once"
                    + " the data is prepared. 0: not given.")
        double epochs,
    @Setting(
            byDefault = "16",
            meaning =
                "Sequences per micro-batch: one forward and backward pass. Affects the result,"
                    + " unlike the number of threads and executors.")
        int microBatchSize,
    @Setting(
            byDefault = "16",
            meaning = "Sequences per optimizer step: a multiple of micro_batch_size.")
        int globalBatchSize,
    @Setting(byDefault = "0", meaning = "Tokens per training sequence. 0: model.context_length.")
        int sequenceLength,
    @Setting(byDefault = "1.0", meaning = "Maximum global norm of the gradient. 0: no clipping.")
        double gradientClip,
    @Setting(
            byDefault = "10",
            resume = Resume.FREE,
            meaning =
                "Number of consecutive steps with a non-finite loss or gradient that are skipped"
                    + " and reported before the run stops.")
        int skipNonFiniteLimit) {

  private static final int DEFAULT_STEPS = 1000;

  public TrainingConfig {
    Require.atLeast("training.steps", steps, 0);
    Require.atLeast("training.tokens", tokens, 0);
    Require.notNegative("training.epochs", epochs);
    Require.that(
        tokens == 0 || epochs == 0,
        "training.tokens and training.epochs are alternatives, got both (%d and %s): give only one"
            .formatted(tokens, epochs));
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

  /** Micro-batches of one step, whose gradients are summed. */
  public int microBatches() {
    return globalBatchSize / microBatchSize;
  }

  /** Tokens of one step. */
  public long tokensPerStep() {
    return (long) globalBatchSize * sequenceLength;
  }

  /** The same, of {@code passes} over the data unless the length is given in any way. */
  TrainingConfig orEpochs(double passes) {
    return isGiven()
        ? this
        : new TrainingConfig(
            0,
            0,
            passes,
            microBatchSize,
            globalBatchSize,
            sequenceLength,
            gradientClip,
            skipNonFiniteLimit);
  }

  /** The same, of {@code count} steps unless the length is given in any way. */
  TrainingConfig orSteps(int count) {
    return isGiven() ? this : with(count, sequenceLength);
  }

  private boolean isGiven() {
    return steps != 0 || tokens != 0 || epochs != 0;
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
    } else if (steps == 0 && epochs == 0) {
      resolvedSteps = DEFAULT_STEPS;
    }
    return with(resolvedSteps, length);
  }

  /**
   * This configuration with the number of steps that {@link #epochs} takes, if the run's length is
   * given in epochs; otherwise unchanged.
   *
   * @param samplesPerEpoch training sequences in one pass over the training text
   * @throws UserException if {@code training.steps} is also given and differs
   */
  TrainingConfig withSamples(long samplesPerEpoch) {
    return withSamples(samplesPerEpoch, globalBatchSize);
  }

  /** As above, of a stage whose steps do not take {@code global_batch_size} samples. */
  TrainingConfig withSamples(long samplesPerEpoch, int samplesPerStep) {
    if (epochs == 0) {
      return this;
    }
    BigDecimal implied =
        BigDecimal.valueOf(epochs)
            .multiply(BigDecimal.valueOf(samplesPerEpoch))
            .divide(BigDecimal.valueOf(samplesPerStep), 0, RoundingMode.CEILING);
    if (implied.compareTo(BigDecimal.valueOf(Integer.MAX_VALUE)) > 0
        || (steps != 0 && steps != implied.intValue())) {
      throw UserException.usage(
          "training.epochs %s takes %s steps of %d of the %d samples of an epoch, got training.steps %d: give only one of the two"
              .formatted(epochs, implied, samplesPerStep, samplesPerEpoch, steps));
    }
    return with(implied.intValue(), sequenceLength);
  }

  private TrainingConfig with(int newSteps, int newLength) {
    return new TrainingConfig(
        newSteps,
        tokens,
        epochs,
        microBatchSize,
        globalBatchSize,
        newLength,
        gradientClip,
        skipNonFiniteLimit);
  }
}
