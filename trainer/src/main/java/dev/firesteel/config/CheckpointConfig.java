package dev.firesteel.config;

/** Section {@code checkpoint}: when checkpoints are written and which ones are kept. */
public record CheckpointConfig(
    @Setting(
            byDefault = "500",
            resume = Resume.FREE,
            meaning =
                "Number of steps between checkpoints; one is also written at the end. 0: only at"
                    + " the end.")
        int every,
    @Setting(
            byDefault = "3",
            resume = Resume.FREE,
            meaning = "Number of most recent checkpoints to keep.")
        int keepLast,
    @Setting(
            byDefault = "true",
            resume = Resume.FREE,
            meaning = "Also keep the checkpoint with the lowest validation loss.")
        boolean keepBest,
    @Setting(
            byDefault = "auto",
            resume = Resume.FREE,
            meaning =
                "Write checkpoints while training continues, from a copy of weights and optimizer"
                    + " state in memory. `auto`: if several trainers share the optimizer state.")
        Background background,
    @Setting(
            byDefault = "1800",
            resume = Resume.FREE,
            meaning =
                "Timeout, in seconds, for writing and committing a checkpoint, and for any other"
                    + " write to a file of the run; a run that exceeds it fails.")
        int timeoutSeconds) {

  /** Whether checkpoints are written while training continues. */
  public enum Background {
    AUTO,
    ALWAYS,
    NEVER
  }

  /** Whether checkpoints are written in the background with this number of trainers. */
  public boolean inBackground(int trainers) {
    return background == Background.ALWAYS || (background == Background.AUTO && trainers > 1);
  }

  public CheckpointConfig {
    Require.atLeast("checkpoint.every", every, 0);
    Require.atLeast("checkpoint.keep_last", keepLast, 1);
    Require.atLeast("checkpoint.timeout_seconds", timeoutSeconds, 1);
  }
}
