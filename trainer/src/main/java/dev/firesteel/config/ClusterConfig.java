package dev.firesteel.config;

/** Section {@code cluster}: how many executors train together, and what happens when one fails. */
public record ClusterConfig(
    @Setting(
            byDefault = "0",
            meaning =
                "Trainers, one for each executor (or for each GPU of one). 0: the largest power of"
                    + " two that the executors allow and that divides the slots of a step. Powers of"
                    + " two all give the same bits.")
        int trainers,
    @Setting(
            byDefault = "1",
            meaning = "The fewest trainers with which a run goes on when executors are lost.")
        int minTrainers,
    @Setting(
            byDefault = "60",
            meaning =
                "Seconds to wait for executors, at the start and after one was lost, before a run"
                    + " begins with fewer.")
        int waitSeconds,
    @Setting(
            byDefault = "3",
            meaning =
                "How often a run may fail and go on from its last checkpoint; counted anew once it"
                    + " gets further than before.")
        int maxFailures,
    @Setting(
            byDefault = "20",
            meaning =
                "Likewise how often executors may be lost: killed, preempted, or with their machine.")
        int maxLostExecutors,
    @Setting(
            byDefault = "300",
            meaning = "Seconds after which trainers that wait for one of them give up.")
        int timeoutSeconds,
    @Setting(
            byDefault = "60",
            meaning =
                "Seconds after which a trainer that the driver has not heard of is taken for dead,"
                    + " and its executor is killed.")
        int silenceSeconds,
    @Setting(
            byDefault = "60",
            meaning =
                "After executors were lost, how often to look whether there are enough again for more"
                    + " trainers, in seconds; the run then goes on with them from a checkpoint. 0:"
                    + " never.")
        int growSeconds,
    @Setting(
            byDefault = "fp32",
            meaning =
                "How gradients travel: `fp32`, or `bf16`: half the bytes, rounded to nearest, what"
                    + " was lost is added to the next step's; the bits then depend on the number of"
                    + " trainers and on where a run was resumed.")
        Wire wire) {

  /** How gradients travel. */
  public enum Wire {
    FP32,
    BF16
  }

  /** How many trainers a plan may count on: 1 where that depends on the cluster. */
  public int plannedTrainers() {
    return Math.max(1, trainers);
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
