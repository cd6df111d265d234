package dev.firesteel.spark.rpc;

/** How far a run of a sweep is, which its task regularly reports to the driver. */
public final class SweepBeat {
  private String run;
  private long step;
  private double loss;

  /** For JSON. */
  public SweepBeat() {}

  /**
   * @param run name of the run
   * @param step number of completed steps, those of earlier sessions included
   * @param loss last logged training loss; NaN before the first
   */
  public SweepBeat(String run, long step, double loss) {
    this.run = run;
    this.step = step;
    this.loss = loss;
  }

  public String run() {
    return run;
  }

  public long step() {
    return step;
  }

  public double loss() {
    return loss;
  }
}
