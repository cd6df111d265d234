package dev.firesteel.config;

import dev.firesteel.collective.GradientFormat;
import dev.firesteel.error.UserException;

/** Section {@code cluster}: how many executors train together, and what happens when one fails. */
public record ClusterConfig(
    @Setting(
            byDefault = "0",
            resume = Resume.FREE,
            meaning =
                "Number of trainers: one per executor (or one per GPU of an executor). 0: the"
                    + " largest power of two that the executors allow and that divides the"
                    + " micro-batches of a step. All powers of two give bit-identical results.")
        int trainers,
    @Setting(
            byDefault = "1",
            resume = Resume.FREE,
            meaning =
                "Minimum number of trainers with which a run continues after losing executors.")
        int minTrainers,
    @Setting(
            byDefault = "60",
            resume = Resume.FREE,
            meaning =
                "Time to wait for executors, in seconds, at the start and after losing one, before"
                    + " a run starts with fewer.")
        int waitSeconds,
    @Setting(
            byDefault = "3",
            resume = Resume.FREE,
            meaning =
                "Maximum number of failures after which a run resumes from its last checkpoint; the"
                    + " count is reset once the run gets further than before.")
        int maxFailures,
    @Setting(
            byDefault = "20",
            resume = Resume.FREE,
            meaning =
                "Maximum number of times that executors may be lost (killed, preempted, or with"
                    + " their machine), counted in the same way.")
        int maxLostExecutors,
    @Setting(
            byDefault = "300",
            resume = Resume.FREE,
            meaning = "Timeout, in seconds, for a collective call.")
        int timeoutSeconds,
    @Setting(
            byDefault = "60",
            resume = Resume.FREE,
            meaning =
                "Heartbeat timeout, in seconds: a trainer that the driver has not heard from for"
                    + " this long is considered dead, and its executor is killed.")
        int silenceSeconds,
    @Setting(
            byDefault = "60",
            resume = Resume.FREE,
            meaning =
                "After losing executors, interval in seconds at which to check whether there is"
                    + " room for more trainers; the run then resumes with them from a checkpoint."
                    + " 0: never.")
        int growSeconds,
    @Setting(
            byDefault = "fp32",
            meaning =
                "Gradient communication dtype: `fp32`, or `bf16`, which halves the bytes: rounded"
                    + " to nearest, with error feedback (what rounding removes is added in the next"
                    + " step). With `bf16` the bits depend on the number of trainers and on where a"
                    + " run was resumed.")
        GradientFormat wire) {

  /** The number of trainers that a plan assumes: 1 if it depends on the cluster. */
  public int plannedTrainers() {
    return Math.max(1, trainers);
  }

  /**
   * Checks whether the requested trainers can share the micro-batches of a step evenly.
   *
   * @throws UserException if they cannot
   */
  public void requireShares(int microBatches) {
    if (trainers > 0 && microBatches % trainers != 0) {
      throw UserException.usage(
          "cluster.trainers must divide the micro-batches of a step (training.global_batch_size / training.micro_batch_size = %d), got %d: change one of them"
              .formatted(microBatches, trainers));
    }
  }

  public ClusterConfig {
    Require.atLeast("cluster.trainers", trainers, 0);
    Require.atLeast("cluster.min_trainers", minTrainers, 1);
    Require.that(
        trainers == 0 || minTrainers <= trainers,
        "cluster.min_trainers must be at most cluster.trainers (%d), got %d"
            .formatted(trainers, minTrainers));
    Require.atLeast("cluster.wait_seconds", waitSeconds, 0);
    Require.atLeast("cluster.max_failures", maxFailures, 0);
    Require.atLeast("cluster.max_lost_executors", maxLostExecutors, 0);
    Require.atLeast("cluster.timeout_seconds", timeoutSeconds, 1);
    Require.atLeast("cluster.silence_seconds", silenceSeconds, 1);
    Require.atLeast("cluster.grow_seconds", growSeconds, 0);
  }
}
