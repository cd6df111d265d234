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
        boolean keepBest,
    @Setting(
            byDefault = "auto",
            meaning =
                "Write checkpoints while training goes on, from a copy of weights and moments in"
                    + " memory. `auto`: where several trainers share the moments.")
        Background background,
    @Setting(
            byDefault = "1800",
            meaning =
                "A checkpoint that a trainer has not written, or not committed, after so many seconds"
                    + " counts as failed, and the run ends; so does any other write to a file of the"
                    + " run.")
        int timeoutSeconds) {

  /** Whether checkpoints are written while training goes on. */
  public enum Background {
    AUTO,
    ALWAYS,
    NEVER
  }

  /** Whether that is so for a number of trainers. */
  public boolean inBackground(int trainers) {
    return background == Background.ALWAYS || (background == Background.AUTO && trainers > 1);
  }

  public CheckpointConfig {
    Require.atLeast("checkpoint.every", every, 0);
    Require.atLeast("checkpoint.keep_last", keepLast, 1);
    Require.atLeast("checkpoint.timeout_seconds", timeoutSeconds, 1);
  }
}
