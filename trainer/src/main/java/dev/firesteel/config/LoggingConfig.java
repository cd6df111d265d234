package dev.firesteel.config;

/** Section {@code logging}: the progress line and {@code metrics.jsonl}. */
public record LoggingConfig(
    @Setting(resume = Resume.FREE, byDefault = "10", meaning = "Write metrics every so many steps.")
        int every) {

  public LoggingConfig {
    Require.atLeast("logging.every", every, 1);
  }
}
