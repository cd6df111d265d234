package dev.firesteel.train;

/**
 * What one rank measured since its last report: times are means over the steps in between, without
 * evaluations, samples and checkpoints.
 *
 * @param rank that measured
 * @param host it runs on
 * @param step steps done
 * @param stepMillis wall-clock time of a step
 * @param communicationMillis of a step, that transfers took on the collective's thread
 * @param waitMillis of a step, that the training thread waited for other ranks: the part of the
 *     communication that computing did not hide, and the time until slower ranks came
 * @param cpuMillis of a step, that each thread that computes spent on a processor, on average; NaN
 *     where the JVM does not count it
 * @param gcMillis of a step, that garbage collections of the process took
 * @param allocatedBytes of a step, what the training thread and those of the backend allocated on
 *     the Java heap; NaN where the JVM does not count it
 * @param heapUsedBytes of the process at the time of the report
 */
public record RankStep(
    int rank,
    String host,
    long step,
    double stepMillis,
    double communicationMillis,
    double waitMillis,
    double cpuMillis,
    double gcMillis,
    double allocatedBytes,
    long heapUsedBytes) {

  /**
   * The rank's own work in a step, {@code stepMillis - waitMillis}: reading, computing, the update.
   * A slow rank is seen here. Step times do not show it, since all ranks wait for the slowest.
   */
  public double computeMillis() {
    return stepMillis - waitMillis;
  }

  /**
   * Which part of the communication went on while the rank computed, {@code 1 - waitMillis /
   * communicationMillis}, at least 0; NaN where nothing was communicated. At 0 communication costs
   * its whole time, at 1 none.
   */
  public double overlapShare() {
    return communicationMillis > 0 ? Math.max(0, 1 - waitMillis / communicationMillis) : Double.NaN;
  }
}
