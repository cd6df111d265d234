package dev.firesteel.config;

import dev.firesteel.error.UserException;

/**
 * What the configurations of all training stages have in common: all that the run loop, the
 * checkpoints and the driver need to know. Each stage has a root record of its own that implements
 * this interface, made of the shared section records and of its own ones.
 */
public interface StageConfig {
  /**
   * Refuses what cannot be the name of a folder, on any file system; every root's constructor calls
   * it.
   *
   * @throws UserException that names the key
   */
  static void requirePlace(String name, String runsFolder) {
    Require.that(
        name.matches("[A-Za-z0-9][A-Za-z0-9._-]*"),
        "name must begin with a letter or digit and hold only letters, digits, dots, dashes and"
            + " underscores, got \""
            + name
            + "\"");
    Require.that(!runsFolder.isBlank(), "runs_folder must name a folder, got an empty text");
  }

  /** Name of the run and of its folder. */
  String name();

  /** Seed of everything random. */
  long seed();

  /** Folder that holds the run directories. */
  String runsFolder();

  /** Folder of the prepared data. */
  String dataFolder();

  ComputeConfig compute();

  ClusterConfig cluster();

  TrainingConfig training();

  OptimizerConfig optimizer();

  ScheduleConfig schedule();

  EvaluationConfig evaluation();

  CheckpointConfig checkpoint();

  LoggingConfig logging();

  SampleConfig sample();
}
