package dev.firesteel.pipeline;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.firesteel.checkpoint.CheckpointManifest;
import dev.firesteel.config.PipelineConfig;
import dev.firesteel.error.UserException;
import dev.firesteel.run.RunDirectory;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Optional;
import org.apache.hadoop.conf.Configuration;
import org.apache.hadoop.fs.Path;

/**
 * {@code <runs_folder>/<name>/pipeline.json}: from which checkpoints each stage was trained, and
 * how long it took. Without it a stage would be taken for finished after an earlier one was trained
 * again.
 */
public final class PipelineRecord {
  static final String FILE = "pipeline.json";

  private final RunDirectory folder;
  private final Map<String, Stage> stages;

  /**
   * What is known of a stage.
   *
   * @param sources identity of the checkpoint of each stage that it was trained from
   * @param seconds that it has been trained for, in all sessions
   */
  public record Stage(Map<String, String> sources, double seconds) {
    public Stage {
      sources = Map.copyOf(sources);
    }
  }

  /** What {@link #FILE} holds. */
  private record Content(Map<String, Stage> stages) {}

  private PipelineRecord(RunDirectory folder, Map<String, Stage> stages) {
    this.folder = folder;
    this.stages = new LinkedHashMap<>(stages);
  }

  /**
   * Reads the record of a pipeline, which is empty before its first stage.
   *
   * @throws UserException if the folder is that of a run, or the file is damaged
   */
  public static PipelineRecord open(PipelineConfig config, Configuration hadoop) {
    Path path = new Path(config.runsFolder(), config.name());
    RunDirectory folder = RunDirectory.at(path, hadoop);
    if (folder.read(RunDirectory.CONFIG).isPresent()) {
      throw UserException.usage(
          "the folder of the pipeline, %s, must not be that of a run, got one with %s: give the pipeline another name (name=...)"
              .formatted(path, RunDirectory.CONFIG));
    }
    Optional<byte[]> json = folder.read(FILE);
    try {
      return new PipelineRecord(
          folder,
          json.isEmpty()
              ? Map.of()
              : CheckpointManifest.JSON.readValue(json.get(), Content.class).stages());
    } catch (IOException e) {
      throw UserException.failure(
          "%s must be JSON as Firesteel writes it, got something else: restore it, or delete it if the stages' runs belong together"
              .formatted(new Path(path, FILE)),
          e);
    }
  }

  /** The pipeline's folder. */
  public RunDirectory folder() {
    return folder;
  }

  /** What is known of a stage; empty if it has not begun. */
  public Optional<Stage> stage(String name) {
    return Optional.ofNullable(stages.get(name));
  }

  /** Records what a stage is about to be trained from. */
  public void begin(String name, Map<String, String> sources) {
    put(name, new Stage(sources, stage(name).map(Stage::seconds).orElse(0.0)));
  }

  /** Adds to the time that a stage has been trained for. */
  public void took(String name, double seconds) {
    Stage before = stages.get(name);
    put(name, new Stage(before.sources(), before.seconds() + seconds));
  }

  private void put(String name, Stage stage) {
    stages.put(name, stage);
    try {
      ObjectNode json = CheckpointManifest.JSON.valueToTree(new Content(stages));
      folder.replace(
          FILE,
          (CheckpointManifest.JSON.writeValueAsString(json) + "\n")
              .getBytes(StandardCharsets.UTF_8));
    } catch (JsonProcessingException e) {
      throw new AssertionError("records of plain values can be written", e);
    }
  }
}
