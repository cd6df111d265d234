package dev.firesteel.train;

import dev.firesteel.collective.Collective;
import java.util.Locale;
import java.util.function.DoubleSupplier;

/**
 * Warns once if a rank allocates too much, and once if it is far slower than expected of its
 * machine: a kernel that the JIT compiled badly in this process can slow a whole run down by a
 * factor of five, which users would take for the normal speed.
 *
 * <p>Steps are evaluated in windows of at least {@value #WINDOW_STEPS} steps and {@value
 * #WINDOW_MILLIS} ms of processor time; the first is warm-up. Too much is more than {@value
 * #MOST_BYTES} bytes per step in {@value #WINDOWS_TOO_LARGE} consecutive windows; too slow is more
 * than {@value #MOST_TIMES_EXPECTED} times the expected time in {@value #WINDOWS_TOO_SLOW}
 * consecutive windows. Times are CPU times, so that a machine loaded by other programs does not
 * count as a slow run.
 */
public final class SteadyStateWatch implements RankListener {
  static final int WINDOW_STEPS = 20;
  static final int WINDOW_MILLIS = 2000;
  static final int MOST_BYTES = 10_000_000;
  static final int WINDOWS_TOO_LARGE = 2;
  static final int MOST_TIMES_EXPECTED = 3;
  static final int WINDOWS_TOO_SLOW = 3;

  private final TrainingListener notices;
  private final DoubleSupplier expected;
  private double expectedMillis; // known after the warm-up
  private int worldSize = 1;
  private long reportedStep = -1; // before the first report
  private long steps;
  private double bytes;
  private double cpuMillis;
  private double stepMillis;
  private double gcMillis;
  private boolean warm;
  private int tooLarge;
  private int tooSlow;

  /**
   * @param notices receives the warnings
   * @param expectedMillis expected compute time of a step on this rank; NaN if unknown. Called
   *     once, after the warm-up, by the training thread: it may measure
   */
  public SteadyStateWatch(TrainingListener notices, DoubleSupplier expectedMillis) {
    this.notices = notices;
    this.expected = expectedMillis;
  }

  @Override
  public void onStart(Collective collective) {
    worldSize = collective.worldSize();
  }

  @Override
  public void onMeasured(RankStep measured) {
    if (reportedStep >= 0) {
      add(measured, measured.step() - reportedStep);
    }
    reportedStep = measured.step();
  }

  private void add(RankStep measured, long newSteps) {
    steps += newSteps;
    bytes += newSteps * measured.allocatedBytes();
    cpuMillis += newSteps * measured.cpuMillis();
    stepMillis += newSteps * measured.stepMillis();
    gcMillis += newSteps * measured.gcMillis();
    // If CPU time is not measured, speed is not checked.
    double window = Double.isNaN(cpuMillis) ? stepMillis : cpuMillis;
    if (steps >= WINDOW_STEPS && window >= WINDOW_MILLIS) {
      if (warm) {
        judge(measured);
      } else {
        warm = true;
        expectedMillis = expected.getAsDouble();
      }
      steps = 0;
      bytes = 0;
      cpuMillis = 0;
      stepMillis = 0;
      gcMillis = 0;
    }
  }

  private void judge(RankStep measured) {
    tooLarge = bytes / steps > MOST_BYTES ? tooLarge + 1 : 0;
    tooSlow = cpuMillis / steps > MOST_TIMES_EXPECTED * expectedMillis ? tooSlow + 1 : 0;
    if (tooLarge == WINDOWS_TOO_LARGE) {
      tooLarge = Integer.MIN_VALUE; // Warn only once.
      notices.notice(
          String.format(
              Locale.ROOT,
              "%s allocates %,.1f MB of Java heap per step, more than the %d MB of a steady step, and spends %.1f of %.1f ms in garbage collection: code was compiled badly in this process, so stop the run and run the same command to resume; if that does not help, report it with a flight recording (docs/performance.md, \"A run that is slow\")",
              who(measured),
              bytes / steps / 1e6,
              MOST_BYTES / 1_000_000,
              gcMillis / steps,
              stepMillis / steps));
    }
    if (tooSlow == WINDOWS_TOO_SLOW) {
      tooSlow = Integer.MIN_VALUE;
      notices.notice(
          String.format(
              Locale.ROOT,
              "%s computes for %,.1f ms per step, more than %d times the %,.1f ms that plan predicts for this machine: stop the run and run the same command to resume; if that does not help, compare with ./firesteel plan, and report it with a flight recording (docs/performance.md, \"A run that is slow\")",
              who(measured),
              cpuMillis / steps,
              MOST_TIMES_EXPECTED,
              expectedMillis));
    }
  }

  private String who(RankStep measured) {
    return worldSize == 1
        ? "This run"
        : "Rank %d on %s".formatted(measured.rank(), measured.host());
  }
}
