package dev.firesteel.runs;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.JsonNode;
import dev.firesteel.checkpoint.CheckpointManifest;
import dev.firesteel.config.ConfigLoader;
import dev.firesteel.error.UserException;
import dev.firesteel.files.HadoopFiles;
import dev.firesteel.metrics.Headline;
import dev.firesteel.metrics.Metric;
import dev.firesteel.run.RunDirectory;
import dev.firesteel.train.RunReport;
import java.io.FileNotFoundException;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Comparator;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.stream.Collectors;
import org.apache.hadoop.conf.Configuration;
import org.apache.hadoop.fs.FileStatus;
import org.apache.hadoop.fs.FileSystem;
import org.apache.hadoop.fs.Path;

/**
 * The files of a run directory, as far as they can be read: a run may be in training, of another
 * version, or half-written.
 */
final class RunFiles {
  /** As many bytes as an array can have: a whole file. */
  static final int WHOLE = Integer.MAX_VALUE - 8;

  private static final int DEEPEST = 4;

  private final RunDirectory directory;
  private final JsonNode facts; // missing where run.json cannot be read

  RunFiles(RunDirectory directory) {
    this.directory = directory;
    facts =
        directory
            .peek(RunDirectory.RUN, WHOLE)
            .flatMap(RunFiles::json)
            .orElse(CheckpointManifest.JSON.missingNode());
  }

  /**
   * The run directories at or below a folder, in the order of their paths. What lies in a run
   * directory is no other run; folders that cannot be listed are passed over.
   *
   * @throws UserException if there is no such folder
   */
  static List<Path> find(Path folder, Configuration hadoop) {
    List<Path> found = new ArrayList<>();
    try {
      FileSystem fs = HadoopFiles.fileSystem(folder, hadoop);
      find(fs, folder, fs.listStatus(folder), 0, found);
    } catch (FileNotFoundException e) {
      throw UserException.usage(
          "%s must be a folder with run directories, got nothing of that name: name another one"
              .formatted(folder),
          e);
    } catch (IOException e) {
      throw HadoopFiles.explain("listing " + folder, e);
    }
    return found;
  }

  private static void find(
      FileSystem fs, Path folder, FileStatus[] content, int depth, List<Path> into) {
    Set<String> names =
        Arrays.stream(content).map(each -> each.getPath().getName()).collect(Collectors.toSet());
    if (names.contains(RunDirectory.RUN)
        || (names.contains(RunDirectory.CONFIG) && names.contains(RunDirectory.METRICS))) {
      into.add(folder);
      return;
    }
    if (depth == DEEPEST) {
      return;
    }
    Arrays.stream(content)
        .filter(FileStatus::isDirectory)
        .map(FileStatus::getPath)
        .filter(path -> !path.getName().startsWith(".") && !path.getName().startsWith("_"))
        .sorted(Comparator.comparing(Path::toString))
        .forEach(
            path -> {
              try {
                find(fs, path, fs.listStatus(path), depth + 1, into);
              } catch (IOException e) {
                // Of another user, or just deleted.
              }
            });
  }

  RunDirectory directory() {
    return directory;
  }

  /** Whether {@code run.json} is there and can be read. */
  boolean isReadable() {
    return facts.isObject();
  }

  /** {@code run.json}; missing where it cannot be read. */
  JsonNode facts() {
    return facts;
  }

  /** The last session; missing if there is none. */
  JsonNode lastSession() {
    JsonNode sessions = facts.path("sessions");
    return sessions.path(Math.max(0, sessions.size() - 1));
  }

  /** The keys of {@code config.yaml}; none where it cannot be read. */
  Map<String, String> config() {
    try {
      return directory
          .peek(RunDirectory.CONFIG, WHOLE)
          .map(yaml -> ConfigLoader.keys(text(yaml), RunDirectory.CONFIG))
          .orElse(Map.of());
    } catch (UserException e) {
      return Map.of();
    }
  }

  /** The last rows of {@code metrics.jsonl}: what its last bytes hold. */
  List<JsonNode> rows(int mostBytes) {
    List<JsonNode> rows = new ArrayList<>();
    Optional<byte[]> content = directory.peek(RunDirectory.METRICS, mostBytes);
    if (content.isEmpty()) {
      return rows;
    }
    String text = text(content.get());
    int end = text.lastIndexOf('\n'); // A row is being written after it.
    for (String line : text.substring(0, Math.max(0, end)).split("\n", -1)) {
      json(line.getBytes(StandardCharsets.UTF_8))
          .filter(row -> row.path("step").isIntegralNumber())
          .ifPresent(rows::add); // The first line may be cut.
    }
    return rows;
  }

  /** The metrics that rows have, as the run declares them, in the order of their appearance. */
  Map<String, Metric> metrics(List<JsonNode> rows) {
    return RunReport.metrics(rows, facts);
  }

  /** The metric by which the run's stage compares models; empty if it is not recorded. */
  Optional<Headline> headline() {
    JsonNode headline = facts.path("headline");
    try {
      return headline.isObject()
          ? Optional.of(CheckpointManifest.JSON.treeToValue(headline, Headline.class))
          : Optional.empty();
    } catch (JsonProcessingException e) { // Of a later version.
      return Optional.empty();
    }
  }

  private static Optional<JsonNode> json(byte[] bytes) {
    try {
      JsonNode json = CheckpointManifest.JSON.readTree(bytes);
      return json.isObject() ? Optional.of(json) : Optional.empty();
    } catch (IOException e) {
      return Optional.empty();
    }
  }

  private static String text(byte[] bytes) {
    return new String(bytes, StandardCharsets.UTF_8);
  }
}
