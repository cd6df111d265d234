package dev.firesteel.train;

/**
 * What a run is about to do.
 *
 * @param run name
 * @param directory of the run
 * @param backend its description of itself
 * @param worldSize processes
 * @param parameters trained numbers
 * @param fromStep the step it begins at: 0, or the checkpoint's
 * @param steps in all
 * @param tokensPerStep of the global batch
 * @param slots micro-batches of a step
 * @param trainingTokens tokens of the training text
 * @param validationTokens targets of one evaluation; 0 where there is no validation text
 */
public record TrainingPlan(
    String run,
    String directory,
    String backend,
    int worldSize,
    long parameters,
    long fromStep,
    long steps,
    long tokensPerStep,
    int slots,
    long trainingTokens,
    long validationTokens) {

  /** How often the whole run sees the training text. */
  public double epochs() {
    return (double) steps * tokensPerStep / trainingTokens;
  }
}
