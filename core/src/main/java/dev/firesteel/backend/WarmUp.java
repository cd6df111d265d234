package dev.firesteel.backend;

import java.time.Duration;
import java.util.function.Consumer;

/**
 * When a backend's kernels are warmed up: before the first step for a second at most, then after
 * each step for a quarter of its time, but 10 ms at least, until nothing is left to do. The whole
 * takes some seconds however they are divided; a share of the step's time divides them among few
 * steps, whatever the size of the model.
 */
public final class WarmUp {
  private static final Duration BEFORE_FIRST_STEP = Duration.ofSeconds(1);
  private static final Duration LEAST_AFTER_STEP = Duration.ofMillis(10);
  private static final int STEP_PARTS = 4;

  private final Backend backend;
  private final Consumer<String> notice;
  private boolean done;

  /**
   * @param notice receives messages for the user about problems that cannot be fixed
   */
  public WarmUp(Backend backend, Consumer<String> notice) {
    this.backend = backend;
    this.notice = notice;
  }

  /** Warms up for a second at most. */
  public void beforeFirstStep() {
    run(BEFORE_FIRST_STEP);
  }

  /** Goes on with what is left, for a quarter of the time that the step took. */
  public void afterStep(long stepNanos) {
    Duration part = Duration.ofNanos(stepNanos / STEP_PARTS);
    run(part.compareTo(LEAST_AFTER_STEP) > 0 ? part : LEAST_AFTER_STEP);
  }

  private void run(Duration limit) {
    done = done || backend.warmUp(limit, notice);
  }

  /** Whether nothing is left to do. */
  public boolean isDone() {
    return done;
  }
}
