package dev.firesteel.benchmarks;

import dev.firesteel.optim.GradientExchange;

/**
 * The time of a training step on many executors: what one computes, and what of the communication
 * its computing does not hide.
 *
 * <p>An executor computes {@code 6 N} operations for each of its tokens, a third of them forward.
 * The gradients leave in buckets of {@link GradientExchange} during the backward pass of its last
 * slot, evenly spread over that pass, and one after the other. What is left of them at its end is
 * exposed; so are the gathering of the new weights and the small calls.
 *
 * <p>Not counted: the optimizer, reading, evaluations and checkpoints.
 *
 * @param computeSeconds of the executor's share of the global batch
 * @param exposedSeconds that it waits for the others
 */
record DataParallelStep(double computeSeconds, double exposedSeconds) {
  /** The stop vote, the loss, and the sums of the norm with their lengths. */
  static final int SMALL_CALLS = 4;

  private static final long BUCKET_BYTES = (long) GradientExchange.BUCKET_ELEMENTS * Float.BYTES;
  private static final double BACKWARD_SHARE = 2.0 / 3;

  /**
   * What an executor computes in a step.
   *
   * @param parameters N
   * @param tokens of one executor in a step
   * @param slotTokens of one forward and backward pass
   * @param flopsPerSecond that an executor sustains
   */
  record Work(long parameters, long tokens, long slotTokens, double flopsPerSecond) {
    double computeSeconds() {
      return seconds(tokens);
    }

    /** The last backward pass, during which gradients leave. */
    double backwardSeconds() {
      return BACKWARD_SHARE * seconds(Math.min(slotTokens, tokens));
    }

    private double seconds(long ofTokens) {
      return 6.0 * parameters * ofTokens / flopsPerSecond;
    }
  }

  static DataParallelStep of(Work work, CollectiveCost cost) {
    long bytes = work.parameters() * Float.BYTES;
    long buckets = (bytes + BUCKET_BYTES - 1) / BUCKET_BYTES;
    double backward = work.backwardSeconds();
    double summed = 0;
    double gathering = 0;
    for (long bucket = 0; bucket < buckets; bucket++) {
      long size = Math.min(BUCKET_BYTES, bytes - bucket * BUCKET_BYTES);
      double ready = backward * (bucket + 1) / buckets;
      summed = Math.max(summed, ready) + cost.reduceScatter(size);
      gathering += cost.allGather(size);
    }
    double exposed = summed - backward + gathering + SMALL_CALLS * cost.small();
    return new DataParallelStep(work.computeSeconds(), exposed);
  }

  double seconds() {
    return computeSeconds + exposedSeconds;
  }

  /** Of an executor's time, the part in which it computes. */
  double efficiency() {
    return computeSeconds / seconds();
  }
}
