package dev.firesteel.loss;

/**
 * A loss that the host computed of one kind of input (log-probabilities, values, rewards), its
 * gradient with respect to that input, and named numbers.
 */
public final class HostLoss {
  private final double loss;
  private final double[] gradient;
  private final LossMeasures measures;

  HostLoss(double loss, double[] gradient, LossMeasures measures) {
    this.loss = loss;
    this.gradient = gradient;
    this.measures = measures;
  }

  /** This part's share of the loss of the global batch: parts add up to it. */
  public double loss() {
    return loss;
  }

  /** The loss's gradient with respect to the input, element by element. Not a copy. */
  public double[] gradient() {
    return gradient;
  }

  /** Named numbers of this part; see {@link LossMeasures#plus}. */
  public LossMeasures measures() {
    return measures;
  }

  /**
   * The sum with another loss of the same input, such as a policy loss and a penalty: gradients add
   * up, and both report their measures.
   *
   * @throws IllegalArgumentException when the inputs differ in size
   */
  public HostLoss plus(HostLoss other) {
    Checks.size("the other loss's gradient", other.gradient, gradient.length);
    double[] sum = gradient.clone();
    for (int i = 0; i < sum.length; i++) {
      sum[i] += other.gradient[i];
    }
    return new HostLoss(loss + other.loss, sum, measures.and(other.measures));
  }
}
