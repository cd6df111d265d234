package dev.firesteel.config;

/** Section {@code evaluation}: the loss on the validation set. */
public record EvaluationConfig(
    @Setting(
            resume = Resume.FREE,
            byDefault = "250",
            meaning =
                "Number of steps between evaluations; one also runs at the end. 0: only at the"
                    + " end.")
        int every,
    @Setting(
            byDefault = "20",
            meaning =
                "Number of micro-batches per evaluation, from the start of the validation text. 0:"
                    + " all of it.")
        int batches) {

  public EvaluationConfig {
    Require.atLeast("evaluation.every", every, 0);
    Require.atLeast("evaluation.batches", batches, 0);
  }
}
