package dev.firesteel.config;

/** Section {@code logging}: the progress line and {@code metrics.jsonl}. */
public record LoggingConfig(
    @Setting(resume = Resume.FREE, byDefault = "10", meaning = "Steps between logged metrics.")
        int every) {

  public LoggingConfig {
    Require.atLeast("logging.every", every, 1);
  }
}
