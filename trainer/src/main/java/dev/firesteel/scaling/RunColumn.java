package dev.firesteel.scaling;

/** The columns of a table of runs that fits read. */
public enum RunColumn {
  /** Number of parameters N, above 0. */
  PARAMETERS("parameters"),
  /** Tokens D that the run was trained on, above 0; without it, {@code flops / (6 parameters)}. */
  TOKENS("tokens"),
  /** Training FLOPs C, above 0; without it, {@code 6 parameters tokens}. */
  FLOPS("flops"),
  /** Final loss in nats per token, above 0. */
  LOSS("loss"),
  /** Peak learning rate, above 0. */
  LEARNING_RATE("learning_rate"),
  /** Tokens of a step, above 0. */
  BATCH_TOKENS("batch_tokens"),
  /** Steps that the run took to its loss, above 0. */
  STEPS("steps"),
  /** Tokens that the schedule of the learning rate was made for, above 0. */
  HORIZON_TOKENS("horizon_tokens");

  private final String title;

  RunColumn(String title) {
    this.title = title;
  }

  /** The name of the column in a table that follows these names. */
  public String title() {
    return title;
  }
}
