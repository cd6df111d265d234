package dev.firesteel.train;

import java.lang.management.ManagementFactory;

/**
 * Accumulates a rank's measurements of each step into a {@link RankStep} when a step is reported.
 * Used by the training thread only.
 */
public final class RankMeter {
  private final int rank;
  private final String host;
  private long steps;
  private long stepNanos;
  private long communicationNanos;
  private long waitNanos;
  private double cpuNanos;
  private long gcMillis;
  private double allocatedBytes;

  public RankMeter(int rank, String host) {
    this.rank = rank;
    this.host = host;
  }

  /**
   * Adds a completed step.
   *
   * @param nanos its duration in nanoseconds
   * @param ofCommunication nanoseconds spent in transfers, on the collective's thread
   * @param ofWaiting nanoseconds that the training thread waited for other ranks
   * @param onProcessor CPU time of each compute thread in nanoseconds, on average; NaN if not
   *     measured
   * @param ofCollecting milliseconds spent in garbage collections
   * @param bytes bytes allocated on the Java heap; NaN if not measured
   */
  public void add(
      long nanos,
      long ofCommunication,
      long ofWaiting,
      double onProcessor,
      long ofCollecting,
      double bytes) {
    steps++;
    stepNanos += nanos;
    communicationNanos += ofCommunication;
    waitNanos += ofWaiting;
    cpuNanos += onProcessor;
    gcMillis += ofCollecting;
    allocatedBytes += bytes;
  }

  /**
   * The means since the last report, or since this meter was created; resets the meter.
   *
   * @param step steps done
   * @throws IllegalStateException if no step was added since the last report
   */
  public RankStep report(long step) {
    if (steps == 0) {
      throw new IllegalStateException(
          "a report needs at least one step since the previous one, got none");
    }
    RankStep report =
        new RankStep(
            rank,
            host,
            step,
            meanMillis(stepNanos),
            meanMillis(communicationNanos),
            meanMillis(waitNanos),
            cpuNanos / 1e6 / steps,
            (double) gcMillis / steps,
            allocatedBytes / steps,
            ManagementFactory.getMemoryMXBean().getHeapMemoryUsage().getUsed());
    steps = 0;
    stepNanos = 0;
    communicationNanos = 0;
    waitNanos = 0;
    cpuNanos = 0;
    gcMillis = 0;
    allocatedBytes = 0;
    return report;
  }

  private double meanMillis(long nanos) {
    return nanos / 1e6 / steps;
  }
}
