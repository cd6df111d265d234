package dev.firesteel.config;

import dev.firesteel.error.UserException;
import dev.firesteel.example.ExampleKind;

/** What the configurations of the stages that train an existing model on examples share. */
public interface ExampleStageConfig extends StageConfig {
  /**
   * Rejects a configuration without a model.
   *
   * @param stage the command
   */
  static void requireModel(String stage, ModelConfig model) {
    if (model.from().isEmpty()) {
      throw UserException.usage(
          "%s needs a model to start from, got an empty model.from: set model.from to a run, a checkpoint or a Hugging Face directory"
              .formatted(stage));
    }
  }

  /** The examples. */
  ExampleDataConfig data();

  /** What the stage makes of a record. */
  ExampleKind kind();

  /** Low-rank adapters of the model. */
  LoraConfig lora();

  /**
   * The same configuration with the number of steps that {@code training.epochs} takes; unchanged
   * if the run's length is given in another way or is already resolved.
   *
   * @param samplesPerEpoch rows of a batch in one pass over the examples
   */
  ExampleStageConfig withSamples(long samplesPerEpoch);

  /** The settings that determine the prepared examples. */
  default ExamplePreparation preparation() {
    return ExamplePreparation.of(data(), kind(), model().from(), training().sequenceLength());
  }

  @Override
  default String dataFolder() {
    return data().path();
  }
}
