package dev.firesteel.config;

/** Section {@code batching}: how examples become rows of a batch. */
public record BatchingConfig(
    @Setting(
            byDefault = "best_fit",
            meaning =
                "`best_fit`: several examples share a row of training.sequence_length tokens, each"
                    + " attends to itself alone and its positions start at 0; `none`: one example a"
                    + " row, padded to the longest of its micro-batch.")
        Packing packing,
    @Setting(
            byDefault = "0.0",
            meaning =
                "NEFTune (Jain et al. 2023): uniform noise of this alpha / sqrt(tokens x width) on"
                    + " the embeddings in training. 0: none.")
        double neftuneAlpha) {

  /** How examples share rows. */
  public enum Packing {
    BEST_FIT,
    NONE
  }

  public BatchingConfig {
    Require.notNegative("batching.neftune_alpha", neftuneAlpha);
  }
}
