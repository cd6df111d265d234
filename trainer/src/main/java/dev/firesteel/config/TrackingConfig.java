package dev.firesteel.config;

/** Section {@code tracking}: programs that show runs beside the run directory's own files. */
public record TrackingConfig(
    @Setting(
            resume = Resume.FREE,
            meaning =
                "TensorBoard event files: `true` writes them to `tensorboard/` in the run"
                    + " directory; a folder (a local path, or a hdfs:/s3a: URI), to a folder with"
                    + " the run's name there. Empty or `false`: none.")
        String tensorboard,
    HistogramsConfig histograms,
    MlflowConfig mlflow) {

  private static final String YES = "true";
  private static final String NO = "false";

  /** Whether TensorBoard event files are wanted. */
  public boolean hasTensorboard() {
    return !tensorboard.isBlank() && !tensorboard.equals(NO);
  }

  /** Whether the event files belong in the run directory. */
  public boolean tensorboardInRun() {
    return tensorboard.equals(YES);
  }
}
