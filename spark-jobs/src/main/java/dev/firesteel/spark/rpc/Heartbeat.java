package dev.firesteel.spark.rpc;

import dev.firesteel.train.RankPhase;

/**
 * A rank's state, which it regularly reports to the driver. Sent through Spark's RPC, and as part
 * of a task's result.
 */
public final class Heartbeat {
  private long attempt;
  private int rank;
  private String host;
  private String executor;
  private long step;
  private RankPhase phase;

  /** For Kryo and JSON. */
  public Heartbeat() {}

  /**
   * @param attempt attempt that the rank belongs to
   * @param executor Spark's executor id of the process
   * @param step number of completed steps
   */
  public Heartbeat(
      long attempt, int rank, String host, String executor, long step, RankPhase phase) {
    this.attempt = attempt;
    this.rank = rank;
    this.host = host;
    this.executor = executor;
    this.step = step;
    this.phase = phase;
  }

  public long attempt() {
    return attempt;
  }

  public int rank() {
    return rank;
  }

  public String host() {
    return host;
  }

  public String executor() {
    return executor;
  }

  public long step() {
    return step;
  }

  public RankPhase phase() {
    return phase;
  }

  /** The rank's name in messages. */
  public String who() {
    return "rank %d (%s, executor %s)".formatted(rank, host, executor);
  }
}
