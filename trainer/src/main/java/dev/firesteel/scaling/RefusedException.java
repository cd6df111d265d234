package dev.firesteel.scaling;

/**
 * A fit that the runs do not allow. Its name is stable, for programs that read {@code fit.json};
 * its message is one sentence that says what was required, what was got and what to do.
 */
public final class RefusedException extends Exception {
  private static final long serialVersionUID = 1L;

  /** Why a fit is refused. */
  public enum Reason {
    /** All runs have one model size. */
    ONE_SIZE,
    /** Fewer runs than the law has constants. */
    TOO_FEW_RUNS,
    /** Fewer compute budgets than a law of budgets needs. */
    TOO_FEW_BUDGETS,
    /** Too few model sizes with several lengths of training. */
    TOO_FEW_HORIZONS,
    /** No budget has a loss that falls and rises again over the model sizes. */
    NO_INTERIOR_MINIMUM,
    /** All runs have one amount of tokens relative to their size. */
    ONE_RATIO,
    /** The size or the tokens of a run hardly change its loss in the fitted law. */
    NO_EFFECT,
    /** A column that the fit reads is missing. */
    NO_COLUMN
  }

  private final Reason reason;

  /** A refusal with its sentence. */
  public RefusedException(Reason reason, String sentence) {
    super(sentence);
    this.reason = reason;
  }

  /** Why. */
  public Reason reason() {
    return reason;
  }
}
