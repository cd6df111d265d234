package dev.firesteel.config;

import com.fasterxml.jackson.databind.JsonNode;

/**
 * The configuration of a sweep: pretraining runs that differ in size, length and any other keys.
 * {@link SweepLoader} reads it and makes the runs.
 */
public record SweepConfig(
    @Setting(
            byDefault = "sweep",
            meaning =
                "Name of the sweep and of its folder. Default: the name of the file without its"
                    + " extension.")
        String name,
    @Setting(
            byDefault = "runs",
            meaning =
                "Folder that contains the sweep's folder, which contains its runs: a local path, or"
                    + " a hdfs:/s3a: URI.")
        String runsFolder,
    @Setting(
            required = true,
            meaning =
                "Configuration of pretraining that the runs vary, relative to the sweep's file.")
        String config,
    @Setting(
            meaning =
                "Keys of pretraining for all runs, which win over those of the configuration.")
        JsonNode keys,
    SweepSizes sizes,
    SweepLengths lengths,
    @Setting(
            meaning =
                "Keys of pretraining by their full name (`optimizer.learning_rate`), each with a"
                    + " list of values or a grid: all combinations are trained.")
        JsonNode axes,
    @Setting(
            byDefault = "0",
            meaning =
                "Problems of each skill (copying, addition, closing brackets) that are measured"
                    + " after each run, for curves of emergence; for text that teaches them"
                    + " (`data.source: skills`). 0: none.")
        int skillProblems,
    @Setting(
            byDefault = "0",
            meaning =
                "Runs of at least so many FLOPs are trained first, one at a time, each by all"
                    + " executors as `pretrain` would (`cluster.*`), or by all cores of one process."
                    + " 0: each run is one task on one core. Branches are always one task.")
        double distributeFromFlops) {

  private static final int MOST_PROBLEMS = 100_000;

  public SweepConfig {
    StageConfig.requirePlace(name, runsFolder);
    Require.notNegative("distribute_from_flops", distributeFromFlops);
    Require.that(
        skillProblems >= 0 && skillProblems <= MOST_PROBLEMS,
        "skill_problems must be 0 to %d, got %d".formatted(MOST_PROBLEMS, skillProblems));
  }

  /** The folder of the sweep, which contains its runs. */
  public String folder() {
    return runsFolder + "/" + name;
  }
}
