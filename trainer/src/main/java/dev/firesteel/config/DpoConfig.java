package dev.firesteel.config;

import dev.firesteel.example.ExampleKind;

/**
 * The configuration of preference optimization. As in {@link PretrainConfig}, a value of this type
 * is resolved; with {@code training.epochs}, {@code training.steps} is 0 until {@link
 * #withSamples}.
 */
@StageName("dpo")
public record DpoConfig(
    @Setting(
            byDefault = "run",
            resume = Resume.FREE,
            meaning =
                "Name of the run and of its folder; by default the name of the configuration file"
                    + " without its extension, if there is one.")
        String name,
    @Setting(
            byDefault = "1337",
            meaning = "Seed for all random numbers: order of examples, adapters, dropout, samples.")
        long seed,
    @Setting(
            byDefault = "runs",
            resume = Resume.FREE,
            meaning =
                "Folder that contains the run directories: a local path, or a hdfs:/s3a: URI.")
        String runsFolder,
    ExampleDataConfig data,
    PreferenceConfig preference,
    ModelConfig model,
    LoraConfig lora,
    ComputeConfig compute,
    ClusterConfig cluster,
    @Defaults({"training.micro_batch_size=4", "training.global_batch_size=16"})
        TrainingConfig training,
    @Defaults({"optimizer.learning_rate=1e-6", "optimizer.weight_decay=0.0"})
        OptimizerConfig optimizer,
    @Defaults({"schedule.warmup_steps=20"}) ScheduleConfig schedule,
    @Defaults({"evaluation.every=100", "evaluation.batches=0"}) EvaluationConfig evaluation,
    @Defaults({"checkpoint.every=200"}) CheckpointConfig checkpoint,
    LoggingConfig logging,
    SampleConfig sample,
    TrackingConfig tracking)
    implements ExampleStageConfig {

  public DpoConfig {
    if (name.isEmpty()) {
      name = "run";
    }
    StageConfig.requirePlace(name, runsFolder);
    ExampleStageConfig.requireModel("dpo", model);
    training = training.orEpochs(1).resolved(model.contextLength());
    schedule = schedule.resolved(training.steps());
    data = data.resolved(preference.kind(), model.from(), training.sequenceLength());
  }

  @Override
  public ExampleKind kind() {
    return preference.kind();
  }

  @Override
  public DpoConfig withSamples(long samplesPerEpoch) {
    return new DpoConfig(
        name,
        seed,
        runsFolder,
        data,
        preference,
        model,
        lora,
        compute,
        cluster,
        training.withSamples(samplesPerEpoch),
        optimizer,
        schedule,
        evaluation,
        checkpoint,
        logging,
        sample,
        tracking);
  }
}
