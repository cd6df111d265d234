package dev.firesteel.run;

import java.time.Instant;
import java.time.temporal.ChronoUnit;
import java.util.Locale;

/**
 * How a session of a run ended. One that was killed has no such record.
 *
 * @param at UTC, ISO 8601
 * @param outcome {@code completed}, {@code interrupted} or {@value #FAILED}
 * @param step number of completed steps
 * @param failure the first line of the failure's message; empty if it did not fail
 */
public record SessionEnd(String at, String outcome, long step, String failure) {
  public static final String FAILED = "failed";
  private static final int LONGEST_FAILURE = 500;

  /** A session that ends now, without a failure. */
  public static SessionEnd now(Enum<?> outcome, long step) {
    return new SessionEnd(time(), outcome.name().toLowerCase(Locale.ROOT), step, "");
  }

  /** A session that fails now. */
  public static SessionEnd failed(long step, Throwable failure) {
    String line = failure.toString();
    if (failure.getMessage() != null) {
      line = failure.getMessage().lines().findFirst().orElse(line);
    }
    return new SessionEnd(
        time(), FAILED, step, line.substring(0, Math.min(line.length(), LONGEST_FAILURE)));
  }

  private static String time() {
    return Instant.now().truncatedTo(ChronoUnit.SECONDS).toString();
  }
}
