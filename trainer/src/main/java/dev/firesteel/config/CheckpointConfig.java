package dev.firesteel.config;

/** Section {@code checkpoint}: when they are written and which are kept. */
public record CheckpointConfig(
    @Setting(
            byDefault = "500",
            meaning = "Write a checkpoint each so many steps, and at the end. 0: only at the end.")
        int every,
    @Setting(byDefault = "3", meaning = "Keep the newest so many checkpoints.") int keepLast,
    @Setting(
            byDefault = "true",
            meaning = "Keep also the checkpoint with the lowest validation loss.")
        boolean keepBest) {

  public CheckpointConfig {
    Require.atLeast("checkpoint.every", every, 0);
    Require.atLeast("checkpoint.keep_last", keepLast, 1);
  }
}
