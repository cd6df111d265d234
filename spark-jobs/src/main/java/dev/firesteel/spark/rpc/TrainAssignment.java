package dev.firesteel.spark.rpc;

import dev.firesteel.config.ConfigLoader;
import dev.firesteel.config.StageConfig;
import dev.firesteel.run.RunDirectory;
import java.util.List;
import org.apache.hadoop.conf.Configuration;
import org.apache.hadoop.fs.Path;

/**
 * The input of an attempt's training tasks: the run, where they read and write, as full paths, and
 * how to authenticate each other.
 */
public final class TrainAssignment {
  private String root;
  private String config;
  private String data;
  private String run;
  private long attempt;
  private int worldSize;
  private int threads;
  private byte[] secret;
  private String fence;

  /** For Kryo. */
  public TrainAssignment() {}

  /**
   * @param data folder of the prepared data
   * @param run directory of the run
   * @param attempt number of this group of tasks, different from any before
   * @param worldSize number of tasks
   * @param threads per task if the configuration does not say; 0: all of the machine
   * @param secret known only to the tasks of this attempt
   * @param fence token of the attempt in the run directory; empty if there are none
   */
  public TrainAssignment(
      StageConfig config,
      String data,
      String run,
      long attempt,
      int worldSize,
      int threads,
      byte[] secret,
      String fence) {
    this.root = config.getClass().getName();
    this.config = ConfigLoader.toYaml(config);
    this.data = data;
    this.run = run;
    this.attempt = attempt;
    this.worldSize = worldSize;
    this.threads = threads;
    this.secret = secret.clone();
    this.fence = fence;
  }

  /** The configuration of the run, of the root record of its stage. */
  public StageConfig config() {
    try {
      return (StageConfig)
          ConfigLoader.parse(
              Class.forName(root).asSubclass(Record.class),
              config,
              "the driver's configuration",
              List.of());
    } catch (ClassNotFoundException e) {
      throw new IllegalStateException(
          "this executor runs a different version of Firesteel than the driver", e);
    }
  }

  public String data() {
    return data;
  }

  public long attempt() {
    return attempt;
  }

  public int worldSize() {
    return worldSize;
  }

  public int threads() {
    return threads;
  }

  public byte[] secret() {
    return secret.clone();
  }

  /** The run directory as this attempt may write it. */
  public RunDirectory directory(Configuration hadoop) {
    RunDirectory directory = RunDirectory.at(new Path(run), hadoop);
    return fence.isEmpty() ? directory : directory.ofAttempt(attempt, fence);
  }
}
