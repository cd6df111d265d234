package dev.firesteel.metrics;

/**
 * The metric by which a stage compares models: checkpoints record its best value, and the best
 * checkpoint is the one with that value.
 *
 * @param metric metric that {@code evaluate} reports
 * @param lessIsBetter whether lower values are better
 */
public record Headline(Metric metric, boolean lessIsBetter) {
  /** A headline for which lower is better, such as a loss. */
  public static Headline less(Metric metric) {
    return new Headline(metric, true);
  }

  /** A headline for which higher is better, such as a reward. */
  public static Headline more(Metric metric) {
    return new Headline(metric, false);
  }

  /** Whether {@code value} is better than {@code than}. */
  public boolean isBetter(double value, double than) {
    return lessIsBetter ? value < than : value > than;
  }

  /** A score for which lower is always better: the value, negated if higher is better. */
  public double score(double value) {
    return lessIsBetter ? value : -value;
  }
}
