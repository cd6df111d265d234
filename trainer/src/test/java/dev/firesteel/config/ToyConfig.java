package dev.firesteel.config;

import java.util.List;

/**
 * Another stage than pretraining: shared sections, other defaults for two, and a section of its
 * own.
 */
@StageName("toy")
record ToyConfig(
    @Setting(byDefault = "toy", resume = Resume.FREE, meaning = "Name of the run.") String name,
    @Setting(byDefault = "1", meaning = "Seed for all random numbers.") long seed,
    @Setting(byDefault = "runs", resume = Resume.FREE, meaning = "Folder of the runs.")
        String runsFolder,
    Toys toys,
    ComputeConfig compute,
    ClusterConfig cluster,
    @Defaults("training.steps=3") TrainingConfig training,
    @Defaults({"optimizer.learning_rate=2e-5", "optimizer.weight_decay=0"})
        OptimizerConfig optimizer,
    ScheduleConfig schedule,
    EvaluationConfig evaluation,
    CheckpointConfig checkpoint,
    LoggingConfig logging,
    SampleConfig sample,
    TrackingConfig tracking)
    implements StageConfig {

  /** Section {@code toys}. */
  record Toys(
      @Setting(required = true, meaning = "Folder of the toys.") String folder,
      @Setting(byDefault = "query,value", meaning = "Names.") List<String> targets,
      @Setting(byDefault = "1e-3, 2e-3", meaning = "Rates.") List<Double> rates,
      @Setting(resume = Resume.FREE, meaning = "Sizes.") List<Integer> sizes,
      @Setting(meaning = "Kinds.") List<ScheduleConfig.Kind> kinds) {
    Toys {
      targets = List.copyOf(targets);
      rates = List.copyOf(rates);
      sizes = List.copyOf(sizes);
      kinds = List.copyOf(kinds);
    }
  }

  ToyConfig {
    StageConfig.requirePlace(name, runsFolder);
  }

  @Override
  public ModelConfig model() {
    throw new UnsupportedOperationException("toys have no model");
  }

  @Override
  public String dataFolder() {
    return toys.folder();
  }
}
