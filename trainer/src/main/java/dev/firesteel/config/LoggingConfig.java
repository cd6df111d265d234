package dev.firesteel.config;

/** Section {@code logging}: the progress line and {@code metrics.jsonl}. */
public record LoggingConfig(
    @Setting(byDefault = "10", meaning = "Write metrics each so many steps.") int every) {

  public LoggingConfig {
    Require.atLeast("logging.every", every, 1);
  }
}
