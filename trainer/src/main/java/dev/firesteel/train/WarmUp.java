package dev.firesteel.train;

import dev.firesteel.backend.Backend;
import java.time.Duration;
import java.util.function.Consumer;

/**
 * Warms up a backend's kernels: before the first step for at most a second, then after each step
 * for a quarter of its time, but at least 10 ms, until nothing is left to do. The total takes a few
 * seconds however it is divided; a share of the step's time spreads it over few steps, regardless
 * of the model's size.
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

  /** Warms up for at most a second. */
  public void beforeFirstStep() {
    run(BEFORE_FIRST_STEP);
  }

  /** Continues with what is left, for a quarter of the time that the step took. */
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
