package dev.firesteel.train;

import java.lang.management.ManagementFactory;

/**
 * Adds up what a rank measures of each step, and makes a {@link RankStep} of it when a step is
 * reported. Belongs to the training thread.
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
   * One more step was done.
   *
   * @param nanos it took
   * @param ofCommunication nanoseconds of transfers, on the collective's thread
   * @param ofWaiting nanoseconds that the training thread waited for other ranks
   * @param onProcessor nanoseconds that each thread that computes was on a processor, on average;
   *     NaN where they are not counted
   * @param ofCollecting milliseconds of garbage collections
   * @param bytes allocated on the Java heap; NaN where they are not counted
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
   * The means since the last report, or since this meter was made; the next begin here.
   *
   * @param step steps done
   * @throws IllegalStateException if no step was added since the last report
   */
  public RankStep report(long step) {
    if (steps == 0) {
      throw new IllegalStateException("a report needs a step since the one before, got none");
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
