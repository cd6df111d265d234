package dev.firesteel.config;

import dev.firesteel.example.ExampleKind;

/**
 * The configuration of PPO. As in {@link PretrainConfig}, a value of this type is resolved; with
 * {@code training.epochs}, {@code training.steps} is 0 until {@link #withSamples}.
 */
@StageName("ppo")
public record PpoConfig(
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
                "Seed for all random numbers: order of prompts, sampling, minibatches, adapters.")
        long seed,
    @Setting(
            byDefault = "runs",
            resume = Resume.FREE,
            meaning =
                "Folder that contains the run directories: a local path, or a hdfs:/s3a: URI.")
        String runsFolder,
    ExampleDataConfig data,
    RolloutConfig rollouts,
    RewardsConfig rewards,
    KlConfig kl,
    UpdateConfig update,
    PpoSection ppo,
    ModelConfig model,
    LoraConfig lora,
    ComputeConfig compute,
    ClusterConfig cluster,
    @Defaults({"training.micro_batch_size=8", "training.global_batch_size=32"})
        TrainingConfig training,
    @Defaults({
          "optimizer.learning_rate=1e-5",
          "optimizer.weight_decay=0.0",
          "optimizer.epsilon=1e-5",
          "optimizer.beta2=0.999"
        })
        OptimizerConfig optimizer,
    @Defaults({
          "schedule.kind=linear",
          "schedule.warmup_steps=0",
          "schedule.min_learning_rate_ratio=0.0"
        })
        ScheduleConfig schedule,
    @Defaults({"evaluation.every=10", "evaluation.batches=4"}) EvaluationConfig evaluation,
    @Defaults({"checkpoint.every=25"}) CheckpointConfig checkpoint,
    @Defaults({"logging.every=1"}) LoggingConfig logging,
    SampleConfig sample,
    TrackingConfig tracking)
    implements RlConfig {

  public PpoConfig {
    if (name.isEmpty()) {
      name = "run";
    }
    StageConfig.requirePlace(name, runsFolder);
    ExampleStageConfig.requireModel("ppo", model);
    training = training.orSteps(100).resolved(model.contextLength());
    schedule = schedule.resolved(training.steps());
    RlConfig.requireBatches(training, rollouts);
    Require.that(
        ppo.valueStart() != PpoSection.ValueStart.REWARD || !rewards.model().isEmpty(),
        "ppo.value_start=reward needs a reward model, got an empty rewards.model: name one, or set"
            + " ppo.value_start=policy");
    data =
        data.resolved(
            ExampleKind.PROMPT, model.from(), training.sequenceLength() - rollouts.maxTokens());
  }

  @Override
  public PpoConfig withSamples(long samplesPerEpoch) {
    return new PpoConfig(
        name,
        seed,
        runsFolder,
        data,
        rollouts,
        rewards,
        kl,
        update,
        ppo,
        model,
        lora,
        compute,
        cluster,
        training.withSamples(samplesPerEpoch, rollouts.prompts()),
        optimizer,
        schedule,
        evaluation,
        checkpoint,
        logging,
        sample,
        tracking);
  }
}
