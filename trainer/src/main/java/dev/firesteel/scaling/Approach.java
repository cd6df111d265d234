package dev.firesteel.scaling;

/** What can be fitted to a table of runs. */
public enum Approach {
  /** Chinchilla's approach 1: {@link EnvelopeFit}. */
  ENVELOPE("1"),
  /** Chinchilla's approach 2: {@link IsoFlopFit}. */
  ISOFLOP("2"),
  /** Chinchilla's approach 3: {@link ParametricFit}. */
  PARAMETRIC("3"),
  /** {@link KaplanFit}. */
  KAPLAN("kaplan"),
  /** {@link HyperparameterFit}. */
  HYPERPARAMETERS("hyperparameters"),
  /** {@link CriticalBatch}. */
  CRITICAL_BATCH("critical_batch");

  private final String title;

  Approach(String title) {
    this.title = title;
  }

  /** The name on the command line. */
  public String title() {
    return title;
  }
}
