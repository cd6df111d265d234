package dev.firesteel.rl;

/** Advantages of actions, and the returns that their values should have been. */
public final class Advantages {
  private final double[] advantages;
  private final double[] returns;

  Advantages(double[] advantages, double[] returns) {
    this.advantages = advantages;
    this.returns = returns;
  }

  /** [tokens], 0 where there is no action; before whitening. Not a copy. */
  public double[] advantages() {
    return advantages;
  }

  /** [tokens], advantages and values together, 0 where there is no action. Not a copy. */
  public double[] returns() {
    return returns;
  }
}
