package dev.firesteel.rl;

/**
 * The coefficient beta of the KL penalty, fixed or moved towards a target (Ziegler et al. 2019,
 * section 2.2):
 *
 * <pre>
 * beta *= 1 + clip(KL / target - 1, -0.2, 0.2) episodes / horizon
 * </pre>
 *
 * <p>Its state is {@link #coefficient}, which a checkpoint must hold. Not thread-safe.
 */
public final class KlController {
  private static final double ERROR_LIMIT = 0.2;

  private final double target;
  private final double horizon;
  private double coefficient;

  private KlController(double coefficient, double target, double horizon) {
    this.coefficient = Checks.notNegative("the KL coefficient", coefficient);
    this.target = target;
    this.horizon = horizon;
  }

  /** A coefficient that stays as it is; 0 for no penalty. */
  public static KlController fixed(double coefficient) {
    return new KlController(coefficient, Double.NaN, Double.POSITIVE_INFINITY);
  }

  /**
   * A coefficient that grows while the KL is above a target, and shrinks while it is below.
   *
   * @param initial coefficient; positive, because 0 would never change
   * @param target KL of a completion from the reference, in nats; positive
   * @param horizon episodes in which the coefficient changes by at most 20 %; positive
   */
  public static KlController adaptive(double initial, double target, double horizon) {
    return new KlController(
        Checks.positive("the initial KL coefficient", initial),
        Checks.positive("the KL target", target),
        Checks.positive("the horizon of the KL coefficient", horizon));
  }

  /** Whether the coefficient changes. */
  public boolean isAdaptive() {
    return !Double.isNaN(target);
  }

  /** Beta, the state that a checkpoint holds. */
  public double coefficient() {
    return coefficient;
  }

  /** Continues from a checkpoint's coefficient; a fixed one stays as configured. */
  public void resume(double saved) {
    if (isAdaptive()) {
      coefficient = Checks.positive("the saved KL coefficient", saved);
    }
  }

  /**
   * Adapts the coefficient after an iteration.
   *
   * @param kl mean over completions of the sum over actions of log pi - log ref, of the rollouts of
   *     all ranks
   * @param episodes completions of the iteration, of all ranks
   */
  public void update(double kl, double episodes) {
    if (!Double.isFinite(kl)) {
      throw new IllegalArgumentException("rl: the KL of a batch must be finite, got " + kl);
    }
    Checks.notNegative("the number of completions", episodes);
    if (isAdaptive()) {
      double error = StrictMath.min(StrictMath.max(kl / target - 1, -ERROR_LIMIT), ERROR_LIMIT);
      coefficient *= 1 + error * episodes / horizon;
    }
  }
}
