package dev.firesteel.config;

import dev.firesteel.error.UserException;
import java.util.regex.Pattern;

/**
 * One run, wholly: what it reads, what it builds, how it trains. Its components are the YAML's
 * top-level keys; {@code docs/configuration.md} lists every key.
 *
 * <p>A value of this type is <em>resolved</em>: what a key leaves to be derived from others (a
 * length of 0, a default that depends on the architecture) has been filled in by the records'
 * constructors, so that the {@code config.yaml} of a run says what happened. Two kinds of 0 stay,
 * because only the data and the machine know them: {@code model.vocabulary_size} and {@code
 * compute.threads}.
 */
public record RunConfig(
    @Setting(
            meaning =
                "Name of the run and of its folder. Derived where it is not given: the"
                    + " configuration file's name without its ending, else `run`.")
        String name,
    @Setting(
            byDefault = "1337",
            meaning = "Seed of everything random: initial weights, sample order, dropout, samples.")
        long seed,
    @Setting(
            byDefault = "runs",
            meaning = "Folder that holds the run directories: a local path, or a hdfs:/s3a: URI.")
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
    SampleConfig sample) {

  /** It names a folder, on any file system. */
  private static final Pattern NAME = Pattern.compile("[A-Za-z0-9][A-Za-z0-9._-]*");

  public RunConfig {
    if (name.isEmpty()) {
      name = "run";
    }
    Require.that(
        NAME.matcher(name).matches(),
        "name must begin with a letter or digit and hold only letters, digits, dots, dashes and"
            + " underscores, got \""
            + name
            + "\"");
    Require.that(!runsFolder.isBlank(), "runs_folder must name a folder, got an empty text");
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

  /** The settings that decide what {@code prepare} writes, and nothing else. */
  public PreparationSettings preparation() {
    return PreparationSettings.of(data, tokenizer);
  }
}
