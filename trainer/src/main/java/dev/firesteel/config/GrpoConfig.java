package dev.firesteel.config;

import dev.firesteel.example.ExampleKind;
import dev.firesteel.rl.GroupAdvantages;

/**
 * The configuration of GRPO and its relatives. As in {@link PretrainConfig}, a value of this type
 * is resolved; with {@code training.epochs}, {@code training.steps} is 0 until {@link
 * #withSamples}.
 */
@StageName("grpo")
public record GrpoConfig(
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
    @Defaults({"rollouts.prompts=8", "rollouts.group_size=8"}) RolloutConfig rollouts,
    RewardsConfig rewards,
    @Defaults({"kl.place=loss", "kl.estimator=k3", "kl.coefficient=0.0"}) KlConfig kl,
    @Defaults({"update.epochs=1"}) UpdateConfig update,
    GrpoSection grpo,
    ModelConfig model,
    LoraConfig lora,
    ComputeConfig compute,
    ClusterConfig cluster,
    @Defaults({"training.micro_batch_size=8", "training.global_batch_size=32"})
        TrainingConfig training,
    @Defaults({"optimizer.learning_rate=1e-6", "optimizer.weight_decay=0.0"})
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

  public GrpoConfig {
    if (name.isEmpty()) {
      name = "run";
    }
    StageConfig.requirePlace(name, runsFolder);
    ExampleStageConfig.requireModel("grpo", model);
    training = training.orSteps(100).resolved(model.contextLength());
    schedule = schedule.resolved(training.steps());
    RlConfig.requireBatches(training, rollouts);
    GroupAdvantages.requireGroup(grpo.estimator(), rollouts.groupSize());
    Require.that(
        grpo.resampleRounds() == 0 || rollouts.groupSize() > 1,
        "grpo.resample_rounds needs groups of at least 2 completions, got rollouts.group_size 1,"
            + " where all scores of a group are equal: set a larger one, or"
            + " grpo.resample_rounds=0");
    data =
        data.resolved(
            ExampleKind.PROMPT, model.from(), training.sequenceLength() - rollouts.maxTokens());
  }

  @Override
  public GrpoConfig withSamples(long samplesPerEpoch) {
    return new GrpoConfig(
        name,
        seed,
        runsFolder,
        data,
        rollouts,
        rewards,
        kl,
        update,
        grpo,
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
