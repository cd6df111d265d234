package dev.firesteel.config;

/**
 * What the configurations of all training stages have in common: all that the run loop, the
 * checkpoints and the driver need to know. Each stage has a root record of its own that implements
 * this interface, made of the shared section records and of its own ones.
 */
public interface StageConfig {
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
