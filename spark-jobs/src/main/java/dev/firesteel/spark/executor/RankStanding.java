package dev.firesteel.spark.executor;

import dev.firesteel.spark.rpc.Heartbeat;
import dev.firesteel.spark.rpc.TrainingPlugin;
import dev.firesteel.train.RankListener;
import dev.firesteel.train.RankPhase;
import dev.firesteel.train.RankStep;

/**
 * The progress of this task's rank: written by the training thread, read by the one that reports to
 * the driver.
 */
final class RankStanding implements RankListener {
  private volatile Heartbeat now;

  /**
   * @param rank the task's partition, until ranks are assigned
   */
  RankStanding(long attempt, int rank, String host, String executor) {
    now = new Heartbeat(attempt, rank, host, executor, 0, RankPhase.RENDEZVOUS);
  }

  Heartbeat now() {
    return now;
  }

  /** Called when the task has been assigned its rank. */
  void becomes(int rank) {
    Heartbeat was = now;
    now = new Heartbeat(was.attempt(), rank, was.host(), was.executor(), was.step(), was.phase());
  }

  @Override
  public void onPhase(RankPhase phase, long step) {
    Heartbeat was = now;
    now = new Heartbeat(was.attempt(), was.rank(), was.host(), was.executor(), step, phase);
  }

  @Override
  public void onMeasured(RankStep measured) {
    TrainingPlugin.sendRankStep(measured);
  }
}
