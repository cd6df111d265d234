package dev.firesteel.config;

import java.util.List;

/**
 * A pipeline as {@link PipelineLoader} reads it.
 *
 * @param stages in the order in which they are trained
 */
public record Pipeline(PipelineConfig config, List<Stage> stages) {
  public Pipeline {
    stages = List.copyOf(stages);
  }

  /**
   * A stage.
   *
   * @param draft its configuration, with the name of its run and the runs that it starts from; a
   *     draft, because the model that it starts from may not exist yet
   */
  public record Stage(String name, PipelineStage settings, ConfigDraft<?> draft) {}
}
