package dev.firesteel.config;

import dev.firesteel.error.UserException;

/**
 * The complete configuration of a pretraining run. Its components are the YAML's top-level keys;
 * {@code docs/configuration.md} lists every key.
 *
 * <p>A value of this type is <em>resolved</em>: values derived from other keys (a length of 0, a
 * default that depends on the architecture) have been filled in by the records' constructors, so
 * that a run's {@code config.yaml} records what was used. Three kinds of 0 remain, because they
 * depend on the data or the machine: {@code model.vocabulary_size}, {@code compute.threads}, and,
 * if {@code training.epochs} is given, {@code training.steps} until {@link #withSamples}.
 */
@StageName("pretrain")
public record PretrainConfig(
    @Setting(
            byDefault = "run",
            resume = Resume.FREE,
            meaning =
                "Name of the run and of its folder; by default the name of the configuration file"
                    + " without its extension, if there is one.")
        String name,
    @Setting(
            byDefault = "1337",
            meaning =
                "Seed for all random numbers: initial weights, sample order, dropout, samples.")
        long seed,
    @Setting(
            byDefault = "runs",
            resume = Resume.FREE,
            meaning =
                "Folder that contains the run directories: a local path, or a hdfs:/s3a: URI.")
        String runsFolder,
    DataConfig data,
    TokenizerConfig tokenizer,
    ModelConfig model,
    ComputeConfig compute,
    ClusterConfig cluster,
    TrainingConfig training,
    OptimizerConfig optimizer,
    ScheduleConfig schedule,
    EvaluationConfig evaluation,
    CheckpointConfig checkpoint,
    LoggingConfig logging,
    SampleConfig sample,
    TrackingConfig tracking)
    implements StageConfig {

  public PretrainConfig {
    if (name.isEmpty()) {
      name = "run";
    }
    StageConfig.requirePlace(name, runsFolder);
    if (data.tokenType() == DataConfig.TokenType.UINT16
        && tokenizer.kind() == TokenizerConfig.Kind.BPE
        && tokenizer.vocabularySize() > DataConfig.UINT16_VOCABULARY) {
      throw UserException.usage(
          "data.token_type uint16 holds at most "
              + DataConfig.UINT16_VOCABULARY
              + " tokens, got tokenizer.vocabulary_size "
              + tokenizer.vocabularySize()
              + ": set data.token_type to auto or int32");
    }
    training = training.resolved(model.contextLength());
    schedule = schedule.resolved(training.steps());
    if (data.path().isEmpty()) {
      data = data.withPath(PreparationSettings.of(data, tokenizer).derivedPath());
    }
  }

  /** The settings that determine what {@code prepare} writes, and nothing else. */
  public PreparationSettings preparation() {
    return PreparationSettings.of(data, tokenizer);
  }

  @Override
  public String dataFolder() {
    return data.path();
  }

  /**
   * The same configuration with the number of steps that {@code training.epochs} takes; unchanged
   * if the run's length is given in another way or is already resolved.
   *
   * @param samplesPerEpoch training sequences in one pass over the training text
   * @throws UserException if {@code training.steps} is also given and differs
   */
  public PretrainConfig withSamples(long samplesPerEpoch) {
    TrainingConfig longEnough = training.withSamples(samplesPerEpoch);
    return longEnough.equals(training)
        ? this
        : new PretrainConfig(
            name,
            seed,
            runsFolder,
            data,
            tokenizer,
            model,
            compute,
            cluster,
            longEnough,
            optimizer,
            schedule,
            evaluation,
            checkpoint,
            logging,
            sample,
            tracking);
  }
}
