package dev.firesteel.config;

/** Section {@code evaluation}: the loss on the validation text. */
public record EvaluationConfig(
    @Setting(
            byDefault = "250",
            meaning = "Evaluate each so many steps, and at the end. 0: only at the end.")
        int every,
    @Setting(
            byDefault = "20",
            meaning =
                "Micro-batches of one evaluation, the first of the validation text. 0: all of it.")
        int batches) {

  public EvaluationConfig {
    Require.atLeast("evaluation.every", every, 0);
    Require.atLeast("evaluation.batches", batches, 0);
  }
}
