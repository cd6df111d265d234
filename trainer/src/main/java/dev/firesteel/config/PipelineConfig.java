package dev.firesteel.config;

import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/**
 * The configuration of a pipeline: stages that are trained one after the other, each from the model
 * of an earlier one. {@link PipelineLoader} reads it with the configurations of its stages.
 */
public record PipelineConfig(
    @Setting(
            byDefault = "pipeline",
            meaning =
                "Name of the pipeline and of its folder; the run of a stage is named"
                    + " `<name>-<stage>`. Default: the name of the file without its extension.")
        String name,
    @Setting(
            byDefault = "runs",
            meaning =
                "Folder that contains the folders of the pipeline and of its runs: a local path, or"
                    + " a hdfs:/s3a: URI.")
        String runsFolder,
    Map<String, PipelineStage> stages,
    PipelineEvaluation evaluation) {

  /** Names that overrides give another meaning. */
  private static final List<String> RESERVED =
      List.of("name", "runs_folder", "stages", "evaluation");

  public PipelineConfig {
    StageConfig.requirePlace(name, runsFolder);
    stages = Collections.unmodifiableMap(new LinkedHashMap<>(stages));
    Require.that(
        !stages.isEmpty(), "stages must name at least one stage, got none: add one (base: {...})");
    for (String stage : stages.keySet()) {
      Require.that(
          stage.matches("[A-Za-z0-9][A-Za-z0-9_-]*") && !RESERVED.contains(stage),
          ("the name of a stage must hold only letters, digits, dashes and underscores and be none of"
                  + " %s, got \"%s\"")
              .formatted(String.join(", ", RESERVED), stage));
    }
  }

  /** Name of a stage's run. */
  public String run(String stage) {
    return name + "-" + stage;
  }
}
