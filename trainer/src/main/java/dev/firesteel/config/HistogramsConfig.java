package dev.firesteel.config;

/** Section {@code tracking.histograms}: the distributions of weights and gradients. */
public record HistogramsConfig(
    @Setting(
            resume = Resume.FREE,
            byDefault = "0",
            meaning =
                "Steps between histograms of every trained parameter's weights and gradients, which"
                    + " TensorBoard shows; each costs about one pass over the weights. 0: none.")
        int every) {

  public HistogramsConfig {
    Require.atLeast("tracking.histograms.every", every, 0);
  }
}
