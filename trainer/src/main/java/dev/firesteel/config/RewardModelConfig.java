package dev.firesteel.config;

/** Section {@code reward}: the loss of a reward model. */
public record RewardModelConfig(
    @Setting(
            byDefault = "0.0",
            meaning =
                "Coefficient of (chosen + rejected)^2, which keeps the mean score near 0"
                    + " (Eisenstein et al. 2023; 0.01 there).")
        double centering,
    @Setting(
            byDefault = "true",
            meaning =
                "Scale and shift scores so that those of held-out answers have mean 0 and standard"
                    + " deviation 1; both numbers are saved with the model.")
        boolean normalize) {

  public RewardModelConfig {
    Require.notNegative("reward.centering", centering);
  }
}
