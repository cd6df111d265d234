package dev.firesteel.train;

/**
 * What is known after a step that is logged.
 *
 * @param step steps done; 0 before the first
 * @param tokens tokens trained on so far
 * @param loss of this step's global batch before its update, in nats per token; NaN at step 0
 * @param learningRate of this step; NaN at step 0
 * @param gradientNorm global 2-norm before clipping; NaN at step 0
 * @param tokensPerSecond mean since the metrics before, of training alone: without evaluations and
 *     checkpoints; NaN at step 0
 * @param stepMillis likewise
 * @param allocatedBytesPerStep likewise, what the threads that compute allocated on the Java heap;
 *     NaN also where the JVM does not count it
 * @param gcMillis likewise, of a step, what garbage collections took
 * @param skipped whether loss or gradient was not finite, and the update was left out
 * @param evaluation at this step; null where there was none
 */
public record StepMetrics(
    long step,
    long tokens,
    double loss,
    double learningRate,
    double gradientNorm,
    double tokensPerSecond,
    double stepMillis,
    double allocatedBytesPerStep,
    double gcMillis,
    boolean skipped,
    EvaluationResult evaluation) {

  static StepMetrics beforeTraining(EvaluationResult evaluation) {
    double none = Double.NaN;
    return new StepMetrics(0, 0, none, none, none, none, none, none, none, false, evaluation);
  }
}
