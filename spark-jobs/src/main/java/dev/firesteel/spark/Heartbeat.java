package dev.firesteel.spark;

import dev.firesteel.train.RankPhase;

/**
 * Where a rank stands, as it tells the driver from time to time. Travels by Spark's RPC, and within
 * a task's result.
 */
final class Heartbeat {
  private long generation;
  private int rank;
  private String host;
  private String executor;
  private long step;
  private RankPhase phase;

  /** For Kryo and JSON. */
  Heartbeat() {}

  /**
   * @param generation that the rank belongs to
   * @param executor id that Spark gave the process
   * @param step steps done
   */
  Heartbeat(long generation, int rank, String host, String executor, long step, RankPhase phase) {
    this.generation = generation;
    this.rank = rank;
    this.host = host;
    this.executor = executor;
    this.step = step;
    this.phase = phase;
  }

  long generation() {
    return generation;
  }

  int rank() {
    return rank;
  }

  String host() {
    return host;
  }

  String executor() {
    return executor;
  }

  long step() {
    return step;
  }

  RankPhase phase() {
    return phase;
  }

  /** The rank as a sentence names it. */
  String who() {
    return "rank %d (%s, executor %s)".formatted(rank, host, executor);
  }
}
