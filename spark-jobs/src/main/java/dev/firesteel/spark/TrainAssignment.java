package dev.firesteel.spark;

import dev.firesteel.config.ConfigLoader;
import dev.firesteel.config.RunConfig;
import java.util.List;

/** What a training task is told: the run, and where it reads and writes, as full paths. */
final class TrainAssignment {
  private String config;
  private String data;
  private String run;

  /** For Kryo. */
  TrainAssignment() {}

  TrainAssignment(RunConfig config, String data, String run) {
    this.config = ConfigLoader.toYaml(config);
    this.data = data;
    this.run = run;
  }

  RunConfig config() {
    return ConfigLoader.parse(config, "the driver's configuration", List.of());
  }

  /** The folder of the prepared data. */
  String data() {
    return data;
  }

  /** The run directory. */
  String run() {
    return run;
  }
}
