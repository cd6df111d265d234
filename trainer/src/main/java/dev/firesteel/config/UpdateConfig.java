package dev.firesteel.config;

/** Section {@code update}: how a step's completions become updates of the policy. */
public record UpdateConfig(
    @Setting(
            byDefault = "4",
            meaning =
                "Passes over a step's completions, each in another order, in minibatches of"
                    + " training.global_batch_size.")
        int epochs,
    @Setting(byDefault = "0.2", meaning = "How far the ratio may fall below 1.") double clipLow,
    @Setting(byDefault = "0.2", meaning = "How far the ratio may rise above 1.") double clipHigh,
    @Setting(
            byDefault = "0.0",
            meaning =
                "Bound of the loss of bad tokens that became likely, as a multiple of their"
                    + " advantage (dual clip; Ye et al. 2020; 3 there). 0: none.")
        double dualClip,
    @Setting(byDefault = "0.0", meaning = "Coefficient of the entropy bonus.")
        double entropyCoefficient,
    @Setting(
            byDefault = "0.0",
            meaning =
                "Approximate KL of a minibatch from the policy that sampled, above which the updates"
                    + " after it are left out of the step. 0: none.")
        double maxKl) {

  public UpdateConfig {
    Require.atLeast("update.epochs", epochs, 1);
    Require.that(clipLow >= 0 && clipLow <= 1, "update.clip_low must be in [0, 1], got " + clipLow);
    Require.notNegative("update.clip_high", clipHigh);
    Require.that(
        dualClip == 0 || dualClip > 1,
        "update.dual_clip must be 0 or greater than 1, got " + dualClip);
    Require.notNegative("update.entropy_coefficient", entropyCoefficient);
    Require.notNegative("update.max_kl", maxKl);
  }
}
