package dev.firesteel.config;

import dev.firesteel.error.UserException;

/**
 * What the configurations of all training stages have in common: everything that the run loop, the
 * checkpoints and the driver need. Each stage has its own root record, which implements this
 * interface and is composed of shared section records and its own.
 */
public interface StageConfig {
  /**
   * Rejects names that are not valid folder names on every file system; every root's constructor
   * calls it.
   *
   * @throws UserException naming the key
   */
  static void requirePlace(String name, String runsFolder) {
    Require.that(
        name.matches("[A-Za-z0-9][A-Za-z0-9._-]*"),
        "name must begin with a letter or digit and hold only letters, digits, dots, dashes and"
            + " underscores, got \""
            + name
            + "\"");
    Require.that(!runsFolder.isBlank(), "runs_folder must name a folder, got an empty string");
  }

  /** The name of the stage that a root record configures. */
  static String stageOf(Class<? extends StageConfig> root) {
    return root.getAnnotation(StageName.class).value();
  }

  /** Name of the stage and of its command, such as {@code pretrain}. */
  default String stage() {
    return stageOf(getClass());
  }

  /** Name of the run and of its folder. */
  String name();

  /** Seed for all random numbers. */
  long seed();

  /** Folder that contains the run directories. */
  String runsFolder();

  /** Folder of the prepared data. */
  String dataFolder();

  /** The model that is trained. */
  ModelConfig model();

  ComputeConfig compute();

  ClusterConfig cluster();

  TrainingConfig training();

  OptimizerConfig optimizer();

  ScheduleConfig schedule();

  EvaluationConfig evaluation();

  CheckpointConfig checkpoint();

  LoggingConfig logging();

  SampleConfig sample();

  TrackingConfig tracking();
}
