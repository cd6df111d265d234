package dev.firesteel.train;

import dev.firesteel.config.OptimizerConfig;
import dev.firesteel.config.StageConfig;
import dev.firesteel.nn.Recompute;
import dev.firesteel.optim.LearningRateSchedule;

/**
 * How a model is trained.
 *
 * @param optimizer how weights are updated
 * @param schedule learning rate by step
 * @param gradientClip maximum gradient norm; 0: no clipping
 * @param microBatches micro-batches of a global batch, over all ranks
 * @param seed seed for dropout
 * @param recompute activation checkpointing
 */
public record LearnerSettings(
    OptimizerConfig optimizer,
    LearningRateSchedule schedule,
    double gradientClip,
    int microBatches,
    long seed,
    Recompute recompute) {

  /** The settings of a stage's second model, with a learning rate of its own. */
  public static LearnerSettings of(StageConfig config, double learningRate) {
    LearnerSettings first = of(config);
    OptimizerConfig optimizer = config.optimizer().withLearningRate(learningRate);
    return new LearnerSettings(
        optimizer,
        LearningRateSchedule.of(optimizer, config.schedule(), config.training().steps()),
        first.gradientClip(),
        first.microBatches(),
        first.seed(),
        first.recompute());
  }

  /** The settings of a stage's configuration. */
  public static LearnerSettings of(StageConfig config) {
    return new LearnerSettings(
        config.optimizer(),
        LearningRateSchedule.of(config.optimizer(), config.schedule(), config.training().steps()),
        config.training().gradientClip(),
        config.training().microBatches(),
        config.seed(),
        config.compute().recompute());
  }
}
