package dev.firesteel.spark;

import dev.firesteel.checkpoint.RunDirectory;
import dev.firesteel.config.ConfigLoader;
import dev.firesteel.config.RunConfig;
import java.util.List;
import org.apache.hadoop.conf.Configuration;
import org.apache.hadoop.fs.Path;

/**
 * What the training tasks of a generation are told: the run, where they read and write, as full
 * paths, and how to know each other.
 */
final class TrainAssignment {
  private String config;
  private String data;
  private String run;
  private long generation;
  private int worldSize;
  private int threads;
  private byte[] secret;
  private String fence;

  /** For Kryo. */
  TrainAssignment() {}

  /**
   * @param data folder of the prepared data
   * @param run directory of the run
   * @param generation number of this group of tasks, unlike that of any before
   * @param worldSize how many tasks there are
   * @param threads of one of them where the configuration does not say; 0: all of the machine
   * @param secret known to the tasks of this generation alone
   * @param fence token of the generation in the run directory; empty where there are none
   */
  TrainAssignment(
      RunConfig config,
      String data,
      String run,
      long generation,
      int worldSize,
      int threads,
      byte[] secret,
      String fence) {
    this.config = ConfigLoader.toYaml(config);
    this.data = data;
    this.run = run;
    this.generation = generation;
    this.worldSize = worldSize;
    this.threads = threads;
    this.secret = secret.clone();
    this.fence = fence;
  }

  RunConfig config() {
    return ConfigLoader.parse(RunConfig.class, config, "the driver's configuration", List.of());
  }

  String data() {
    return data;
  }

  long generation() {
    return generation;
  }

  int worldSize() {
    return worldSize;
  }

  int threads() {
    return threads;
  }

  byte[] secret() {
    return secret.clone();
  }

  /** The run directory as this generation may write it. */
  RunDirectory directory(Configuration hadoop) {
    RunDirectory directory = RunDirectory.at(new Path(run), hadoop);
    return fence.isEmpty() ? directory : directory.ofGeneration(generation, fence);
  }
}
