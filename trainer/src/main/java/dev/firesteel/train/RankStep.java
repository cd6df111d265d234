package dev.firesteel.train;

/**
 * One rank's measurements since its last report; times are means over the steps in between,
 * excluding evaluations, samples, checkpoints and the warm-up of kernels.
 *
 * @param rank rank that measured
 * @param host host that it runs on
 * @param step number of completed steps
 * @param stepMillis wall-clock time of a step
 * @param communicationMillis time per step spent in transfers on the collective's thread
 * @param waitMillis time per step that the training thread waited for other ranks: communication
 *     not overlapped with computation, and the time until slower ranks arrived
 * @param cpuMillis CPU time per step of each compute thread, on average; NaN if the JVM does not
 *     measure it
 * @param gcMillis time per step spent in the process's garbage collections
 * @param allocatedBytes bytes per step that the training thread and the backend's threads allocated
 *     on the Java heap; NaN if the JVM does not measure it
 * @param heapUsedBytes heap used by the process at the time of the report
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
   * This reveals a slow rank. Step times do not, because all ranks wait for the slowest.
   */
  public double computeMillis() {
    return stepMillis - waitMillis;
  }

  /**
   * The share of communication overlapped with computation, {@code 1 - waitMillis /
   * communicationMillis}, at least 0; NaN if nothing was communicated. At 0 no communication is
   * hidden, at 1 all of it.
   */
  public double overlapShare() {
    return communicationMillis > 0 ? Math.max(0, 1 - waitMillis / communicationMillis) : Double.NaN;
  }
}
