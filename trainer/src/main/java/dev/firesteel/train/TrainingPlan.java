package dev.firesteel.train;

import dev.firesteel.metrics.Headline;

/**
 * What a run is about to do.
 *
 * @param run name
 * @param stage such as {@code pretrain}
 * @param directory of the run
 * @param backend its description of itself
 * @param worldSize processes
 * @param parameters trained numbers
 * @param fromStep the step it begins at: 0, or the checkpoint's
 * @param steps in all
 * @param tokensPerStep of the global batch
 * @param microBatches of a step, of all ranks
 * @param trainingTokens tokens of the training data; 0 where they are not known
 * @param validationTokens targets of one evaluation; 0 where there is no validation data
 * @param headline the number that the stage is judged by
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

  /** How often the whole run sees the training data; infinite where its size is not known. */
  public double epochs() {
    return (double) steps * tokensPerStep / trainingTokens;
  }
}
