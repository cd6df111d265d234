package dev.firesteel.scaling;

/**
 * One finished run of a table. Optional numbers that the table lacks are NaN.
 *
 * @param row where it stands in its file, for messages
 * @param parameters N
 * @param tokens D
 * @param flops C
 * @param loss final loss, nats per token
 * @param learningRate peak of the schedule
 * @param batchTokens tokens of a step
 * @param steps number of steps
 * @param horizonTokens tokens at which the schedule of the learning rate ends
 */
public record ScalingRun(
    long row,
    double parameters,
    double tokens,
    double flops,
    double loss,
    double learningRate,
    double batchTokens,
    double steps,
    double horizonTokens) {

  /** FLOPs that one token costs each parameter in training, forward and backward. */
  public static final double FLOPS_PER_PARAMETER_AND_TOKEN = 6;

  /** A run with {@code C = 6 N D} and nothing optional. */
  public static ScalingRun of(long row, double parameters, double tokens, double loss) {
    return new ScalingRun(
        row,
        parameters,
        tokens,
        FLOPS_PER_PARAMETER_AND_TOKEN * parameters * tokens,
        loss,
        Double.NaN,
        Double.NaN,
        Double.NaN,
        Double.NaN);
  }
}
