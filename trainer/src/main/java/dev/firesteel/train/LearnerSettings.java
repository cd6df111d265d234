package dev.firesteel.train;

import dev.firesteel.config.OptimizerConfig;
import dev.firesteel.config.StageConfig;
import dev.firesteel.nn.Recompute;
import dev.firesteel.optim.LearningRateSchedule;

/**
 * How a model learns.
 *
 * @param optimizer AdamW's settings
 * @param schedule learning rate by step
 * @param gradientClip largest gradient norm; 0: no clipping
 * @param microBatches of a global batch, of all ranks
 * @param seed key of dropout
 * @param recompute activation checkpointing
 */
public record LearnerSettings(
    OptimizerConfig optimizer,
    LearningRateSchedule schedule,
    double gradientClip,
    int microBatches,
    long seed,
    Recompute recompute) {

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
