package dev.firesteel.train;

import dev.firesteel.metrics.Headline;

/**
 * Summary of a run before its first step.
 *
 * @param run name of the run
 * @param stage such as {@code pretrain}
 * @param directory run directory
 * @param backend the backend's description
 * @param worldSize number of ranks
 * @param parameters number of parameters
 * @param fromStep the step that it starts from: 0, or the checkpoint's
 * @param steps total number of steps
 * @param tokensPerStep tokens of the global batch
 * @param microBatches micro-batches per step, over all ranks
 * @param trainingTokens tokens of the training data; 0 if unknown
 * @param validationTokens targets of one evaluation; 0 if there is no validation data
 * @param headline the metric by which the stage compares models
 */
public record TrainingPlan(
    String run,
    String stage,
    String directory,
    String backend,
    int worldSize,
    long parameters,
    long fromStep,
    long steps,
    long tokensPerStep,
    int microBatches,
    long trainingTokens,
    long validationTokens,
    Headline headline) {

  /** The number of passes over the training data; infinite if its size is unknown. */
  public double epochs() {
    return (double) steps * tokensPerStep / trainingTokens;
  }
}
