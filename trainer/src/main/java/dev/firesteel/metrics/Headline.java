package dev.firesteel.metrics;

/**
 * The one number of an evaluation by which a stage compares models: its best value is kept in
 * checkpoints, and the best checkpoints are those of its best values.
 *
 * @param metric that {@code evaluate} reports
 * @param lessIsBetter whether a smaller value is better
 */
public record Headline(Metric metric, boolean lessIsBetter) {
  /** A headline of which less is better, such as a loss. */
  public static Headline less(Metric metric) {
    return new Headline(metric, true);
  }

  /** A headline of which more is better, such as a reward. */
  public static Headline more(Metric metric) {
    return new Headline(metric, false);
  }

  /** Whether {@code value} is better than {@code than}. */
  public boolean isBetter(double value, double than) {
    return lessIsBetter ? value < than : value > than;
  }

  /** A number of which less is always better: the value, negated where more is better. */
  public double score(double value) {
    return lessIsBetter ? value : -value;
  }
}
