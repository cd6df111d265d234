package dev.firesteel.config;

import dev.firesteel.example.ExampleKind;

/**
 * The configuration of supervised fine-tuning. As in {@link PretrainConfig}, a value of this type
 * is resolved; with {@code training.epochs}, {@code training.steps} is 0 until {@link
 * #withSamples}.
 */
@StageName("sft")
public record SftConfig(
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
    BatchingConfig batching,
    ModelConfig model,
    LoraConfig lora,
    ComputeConfig compute,
    ClusterConfig cluster,
    @Defaults({"training.micro_batch_size=4", "training.global_batch_size=16"})
        TrainingConfig training,
    @Defaults({"optimizer.learning_rate=2e-5", "optimizer.weight_decay=0.0"})
        OptimizerConfig optimizer,
    @Defaults({"schedule.warmup_steps=20"}) ScheduleConfig schedule,
    @Defaults({"evaluation.every=100", "evaluation.batches=0"}) EvaluationConfig evaluation,
    @Defaults({"checkpoint.every=200"}) CheckpointConfig checkpoint,
    LoggingConfig logging,
    SampleConfig sample,
    TrackingConfig tracking)
    implements ExampleStageConfig {

  public SftConfig {
    if (name.isEmpty()) {
      name = "run";
    }
    StageConfig.requirePlace(name, runsFolder);
    ExampleStageConfig.requireModel("sft", model);
    training = training.orEpochs(1).resolved(model.contextLength());
    schedule = schedule.resolved(training.steps());
    data = data.resolved(ExampleKind.SFT, model.from(), training.sequenceLength());
  }

  @Override
  public ExampleKind kind() {
    return ExampleKind.SFT;
  }

  @Override
  public SftConfig withSamples(long samplesPerEpoch) {
    return new SftConfig(
        name,
        seed,
        runsFolder,
        data,
        batching,
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
