package dev.firesteel.spark.driver;

import dev.firesteel.config.ClusterConfig;
import java.time.Duration;

/**
 * How often a run may fail and continue: lost executors and training failures are counted
 * separately, and both counts are reset once the run has a later checkpoint than at the previous
 * failure.
 */
final class RetryBudget {
  private static final Duration FIRST_PAUSE = Duration.ofSeconds(1);
  private static final Duration LONGEST_PAUSE = Duration.ofSeconds(30);

  private final ClusterConfig limits;
  private long checkpointStep = -1;
  private int failures;
  private int lostExecutors;

  RetryBudget(ClusterConfig limits) {
    this.limits = limits;
  }

  /**
   * Counts a failure.
   *
   * @param executorLost whether an executor was lost; else the training itself failed
   * @param lastCheckpoint step of the last checkpoint, -1 if there is none
   * @return whether the run may continue
   */
  boolean allows(boolean executorLost, long lastCheckpoint) {
    if (lastCheckpoint > checkpointStep) {
      checkpointStep = lastCheckpoint;
      failures = 0;
      lostExecutors = 0;
    }
    if (executorLost) {
      lostExecutors++;
    } else {
      failures++;
    }
    return failures <= limits.maxFailures() && lostExecutors <= limits.maxLostExecutors();
  }

  /**
   * How long to wait before the next attempt: not at all after the first lost executor, which says
   * nothing about the next attempt; otherwise twice as long each time.
   */
  Duration pause() {
    int attempts = failures + Math.max(0, lostExecutors - 1);
    if (attempts == 0) {
      return Duration.ZERO;
    }
    Duration pause = FIRST_PAUSE.multipliedBy(1L << Math.min(attempts - 1, 10));
    return pause.compareTo(LONGEST_PAUSE) < 0 ? pause : LONGEST_PAUSE;
  }

  /** The counts and the limits. */
  String used() {
    return "failures: %d, at most %d; lost executors: %d, at most %d; since %s"
        .formatted(
            failures,
            limits.maxFailures(),
            lostExecutors,
            limits.maxLostExecutors(),
            checkpointStep < 0 ? "the start" : "the checkpoint of step " + checkpointStep);
  }
}
