package dev.firesteel.inspect;

import com.fasterxml.jackson.databind.JsonNode;
import dev.firesteel.checkpoint.Checkpoint;
import dev.firesteel.checkpoint.CheckpointStore;
import dev.firesteel.error.UserException;
import dev.firesteel.run.RunDirectory;
import java.io.IOException;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;

/** Run directories and their checkpoints. */
final class RunInspection {
  private static final String CHECKPOINTS = "checkpoints";
  private static final String SAFETENSORS = ".safetensors";

  private RunInspection() {}

  static boolean isRun(Source source) throws IOException {
    return source.has(CHECKPOINTS) || source.has(RunDirectory.RUN);
  }

  /** What {@code run.json} says, the table of checkpoints, and the last one. */
  static void inspectRun(Source source, Inspection into) throws IOException {
    RunDirectory run = RunDirectory.at(source.path(), source.hadoop());
    JsonNode record = run.run();
    JsonNode sessions = record.path("sessions");
    JsonNode last = sessions.path(sessions.size() - 1);
    into.fact("name", record.path("name").asText(source.path().getName()))
        .fact("sessions", (long) sessions.size())
        .fact("last started", last.path("started").textValue())
        .fact("firesteel", last.path("firesteel").textValue())
        .fact("backend", last.path("backend").textValue())
        .fact("ranks", last.path("world_size").isInt() ? last.path("world_size").asLong() : null)
        .fact("seed", last.path("seed").isIntegralNumber() ? last.path("seed").asLong() : null);
    List<String> ignored = new ArrayList<>();
    List<Checkpoint> checkpoints = run.checkpoints(ignored::add).list();
    Optional<Checkpoint> best = CheckpointStore.best(checkpoints);
    List<List<Object>> rows = new ArrayList<>();
    for (Checkpoint checkpoint : checkpoints) {
      rows.add(
          Arrays.asList(
              checkpoint.directory().getName(),
              checkpoint.step(),
              checkpoint.attempt(),
              checkpoint.bytes(),
              checkpoint.score().isPresent() ? checkpoint.score().getAsDouble() : null,
              best.filter(one -> one == checkpoint).isPresent() ? "best" : ""));
    }
    into.table(
        new Table(
            "checkpoints", List.of("folder", "step", "attempt", "bytes", "score", "note"), rows));
    into.check(
        "complete",
        ignored.isEmpty() && !checkpoints.isEmpty(),
        ignored.isEmpty()
            ? "the run has %d complete %s"
                .formatted(
                    checkpoints.size(), checkpoints.size() == 1 ? "checkpoint" : "checkpoints")
            : TensorSet.listed(ignored));
    if (!checkpoints.isEmpty()) {
      inspectCheckpoint(checkpoints.get(checkpoints.size() - 1), source, into);
    }
  }

  static void openRun(Source source, TensorSet into) throws IOException {
    open(
        RunDirectory.at(source.path(), source.hadoop())
            .checkpoints(notice -> {})
            .latest()
            .orElseThrow(
                () ->
                    UserException.failure(
                        "the run %s must have a complete checkpoint, got none yet: train it first"
                            .formatted(source.path()))),
        into);
  }

  static boolean isCheckpoint(Source source) throws IOException {
    return source.isFolder() && Checkpoint.find(source.fs(), source.path()).isPresent();
  }

  static void inspectCheckpoint(Source source, Inspection into) throws IOException {
    inspectCheckpoint(Checkpoint.open(source.fs(), source.path()), source, into);
  }

  private static void inspectCheckpoint(Checkpoint checkpoint, Source source, Inspection into)
      throws IOException {
    into.fact("checkpoint", checkpoint.directory().getName())
        .fact("step", checkpoint.step())
        .fact("attempt", checkpoint.attempt())
        .fact("score", checkpoint.score().isPresent() ? checkpoint.score().getAsDouble() : null)
        .fact("files", (long) checkpoint.files().size())
        .fact("bytes", checkpoint.bytes());
    Optional<String> damage = Optional.empty();
    try {
      checkpoint.verify();
    } catch (UserException e) {
      damage = Optional.of(e.getMessage());
    }
    into.check(
        "checksums",
        damage.isEmpty(),
        damage.orElse("%d files are as the manifest says".formatted(checkpoint.files().size())));
    Source folder =
        new Source(checkpoint.fileSystem(), checkpoint.directory(), true, source.hadoop());
    try (TensorSet set = new TensorSet()) {
      open(checkpoint, set);
      ModelInspection.describe(folder, set, into);
    }
  }

  static void openCheckpoint(Source source, TensorSet into) throws IOException {
    open(Checkpoint.open(source.fs(), source.path()), into);
  }

  /** All tensors of a checkpoint: the model's, those of its optimizer, other models. */
  private static void open(Checkpoint checkpoint, TensorSet into) throws IOException {
    Source folder = new Source(checkpoint.fileSystem(), checkpoint.directory(), true, null);
    for (String file : checkpoint.files()) {
      if (file.endsWith(SAFETENSORS)) {
        into.addSafetensors(folder.fs(), folder.child(file), file);
      }
    }
  }
}
