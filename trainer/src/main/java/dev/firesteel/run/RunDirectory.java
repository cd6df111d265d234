package dev.firesteel.run;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.firesteel.checkpoint.Attempt;
import dev.firesteel.checkpoint.AttemptRecords;
import dev.firesteel.checkpoint.CheckpointManifest;
import dev.firesteel.checkpoint.CheckpointStore;
import dev.firesteel.config.ConfigLoader;
import dev.firesteel.config.StageConfig;
import dev.firesteel.error.UserException;
import dev.firesteel.files.FolderLock;
import dev.firesteel.files.HadoopFiles;
import dev.firesteel.metrics.Headline;
import dev.firesteel.metrics.Metric;
import java.io.FileNotFoundException;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;
import java.util.OptionalLong;
import java.util.function.Consumer;
import org.apache.hadoop.conf.Configuration;
import org.apache.hadoop.fs.FSDataInputStream;
import org.apache.hadoop.fs.FSError;
import org.apache.hadoop.fs.FileStatus;
import org.apache.hadoop.fs.FileSystem;
import org.apache.hadoop.fs.Path;

/**
 * The directory of one run, {@code <runs_folder>/<name>/}:
 *
 * <ul>
 *   <li>{@code config.yaml}, the resolved configuration;
 *   <li>{@code run.json}, how the run was computed: versions, host, seeds, hashes, one session per
 *       start;
 *   <li>{@code metrics.jsonl}, {@code samples.jsonl};
 *   <li>{@code report.html}, {@code loss.svg}, {@code loss.png}, generated from the others;
 *   <li>{@code checkpoints/step-00000100/};
 *   <li>{@code attempts/}, on a cluster: which processes may write here, see {@link Attempt}.
 * </ul>
 *
 * <p>Written by rank 0 alone.
 */
public final class RunDirectory {
  public static final String CONFIG = "config.yaml";
  public static final String RUN = "run.json";
  public static final String METRICS = "metrics.jsonl";
  public static final String SAMPLES = "samples.jsonl";
  private static final String CHECKPOINTS = "checkpoints";

  private final FileSystem fs;
  private final Path path;
  private final AttemptRecords records;
  private final Attempt attempt;

  private RunDirectory(FileSystem fs, Path path, AttemptRecords records, Attempt attempt) {
    this.fs = fs;
    this.path = path;
    this.records = records;
    this.attempt = attempt;
  }

  /** The directory of a configured run; nothing is made yet. */
  public static RunDirectory of(StageConfig config, Configuration hadoop) {
    return at(new Path(new Path(config.runsFolder()), config.name()), hadoop);
  }

  /** A directory by its path. */
  public static RunDirectory at(Path path, Configuration hadoop) {
    try {
      FileSystem fs = HadoopFiles.fileSystem(path, hadoop);
      return new RunDirectory(fs, path, new AttemptRecords(fs, path), Attempt.unfenced());
    } catch (IOException e) {
      throw HadoopFiles.explain("opening the run directory " + path, e);
    }
  }

  public Path path() {
    return path;
  }

  /** The Hadoop configuration that it was opened with. */
  public Configuration configuration() {
    return fs.getConf();
  }

  /** Whether an attempt of the run was begun: then each process that writes must belong to one. */
  public boolean hasAttempts() {
    return records.last().isPresent();
  }

  /**
   * Begins an attempt of the run, which ends the previous one: done by the driver before it starts
   * the training processes. They write through {@link #ofAttempt}.
   *
   * @param notices receives a line about each checkpoint that is not used
   */
  public Attempt beginAttempt(Consumer<String> notices) {
    return Attempt.begin(records, checkpoints(notices));
  }

  /**
   * The same directory for a process of an attempt, which may write only as long as that is the
   * latest.
   */
  public RunDirectory ofAttempt(long number, String token) {
    return new RunDirectory(fs, path, records, Attempt.of(records, number, token));
  }

  /** The run's checkpoints; {@code notices} receives a line about each one that is not used. */
  public CheckpointStore checkpoints(Consumer<String> notices) {
    return new CheckpointStore(fs, new Path(path, CHECKPOINTS), records, attempt, notices);
  }

  /** Keeps other processes from training the same run; see {@link FolderLock}. */
  public FolderLock lock() {
    return FolderLock.take(fs, path, "train under another name (name=...)");
  }

  /** Writes {@code config.yaml}. */
  public void writeConfig(StageConfig config) {
    replace(CONFIG, ConfigLoader.toYaml(config).getBytes(StandardCharsets.UTF_8));
  }

  /** Records in {@code run.json} the stage, and what the rows of {@code metrics.jsonl} mean. */
  public void writeStage(String stage, List<Metric> metrics, Headline headline) {
    updateRun(
        run -> {
          run.put("stage", stage);
          run.set("metrics", CheckpointManifest.JSON.valueToTree(metrics));
          run.set("headline", CheckpointManifest.JSON.valueToTree(headline));
        });
  }

  /** Adds a session to {@code run.json}. */
  public void addSession(RunSession session) {
    updateRun(
        run ->
            run.withArray("sessions").add(CheckpointManifest.JSON.<JsonNode>valueToTree(session)));
  }

  /** Records in {@code run.json} how its last session ended. */
  public void endSession(SessionEnd end) {
    updateRun(
        run -> {
          ArrayNode sessions = run.withArray("sessions");
          if (sessions.get(sessions.size() - 1) instanceof ObjectNode last) {
            last.set("ended", CheckpointManifest.JSON.valueToTree(end));
          }
        });
  }

  private void updateRun(Consumer<ObjectNode> update) {
    try {
      ObjectNode run =
          read(RUN).isPresent()
              ? (ObjectNode) CheckpointManifest.JSON.readTree(read(RUN).get())
              : CheckpointManifest.JSON.createObjectNode().put("name", path.getName());
      update.accept(run);
      replace(
          RUN,
          (CheckpointManifest.JSON.writeValueAsString(run) + "\n")
              .getBytes(StandardCharsets.UTF_8));
    } catch (JsonProcessingException | ClassCastException e) {
      throw UserException.failure(
          "%s must be JSON as Firesteel writes it, got something else: restore it, or delete it to continue without the record of earlier sessions"
              .formatted(new Path(path, RUN)),
          e);
    } catch (IOException e) {
      throw HadoopFiles.explain("adding to " + new Path(path, RUN), e);
    }
  }

  /** {@code run.json}; an empty object where there is none. */
  public JsonNode run() {
    try {
      Optional<byte[]> json = read(RUN);
      return json.isPresent()
          ? CheckpointManifest.JSON.readTree(json.get())
          : CheckpointManifest.JSON.createObjectNode();
    } catch (IOException e) {
      throw HadoopFiles.explain("reading " + new Path(path, RUN), e);
    }
  }

  /**
   * Opens a file of rows for a run that resumes after {@code step}: rows of later steps are
   * dropped.
   */
  public StepRows openRows(String name, long step) {
    return StepRows.open(fs, new Path(path, name), step, attempt);
  }

  /** The content of a file; empty if there is none. */
  public Optional<byte[]> read(String name) {
    Path file = new Path(path, name);
    try {
      recover(fs, file);
      try (InputStream in = fs.open(file)) {
        return Optional.of(in.readAllBytes());
      }
    } catch (FileNotFoundException e) {
      return Optional.empty();
    } catch (IOException e) {
      throw HadoopFiles.explain("reading " + file, e);
    }
  }

  /**
   * The end of a file for a reader beside a process that trains: unlike {@link #read} it mends
   * nothing, which could get in that process's way.
   *
   * @param most number of bytes that are read at most
   * @return empty if there is no such file
   */
  public Optional<byte[]> peek(String name, int most) {
    Path file = new Path(path, name);
    for (Path each : List.of(file, beside(file))) { // One of both, while it is being replaced.
      try {
        long length = fs.getFileStatus(each).getLen();
        try (FSDataInputStream in = fs.open(each)) {
          in.seek(Math.max(0, length - most));
          return Optional.of(in.readNBytes(most));
        }
      } catch (FileNotFoundException e) {
        // The other one, or none.
      } catch (IOException e) {
        throw HadoopFiles.explain("reading " + each, e);
      }
    }
    return Optional.empty();
  }

  /** The names of the files in a folder of the run directory, in order; none if there is none. */
  public List<String> names(String folder) {
    Path at = new Path(path, folder);
    try {
      return Arrays.stream(fs.listStatus(at))
          .filter(FileStatus::isFile)
          .map(file -> file.getPath().getName())
          .sorted()
          .toList();
    } catch (FileNotFoundException e) {
      return List.of();
    } catch (IOException e) {
      throw HadoopFiles.explain("listing " + at, e);
    }
  }

  /** Deletes a file, if it is there. */
  public void delete(String name) {
    attempt.check();
    try {
      fs.delete(new Path(path, name), false);
    } catch (IOException | FSError e) { // Hadoop's local files fail as an error.
      throw HadoopFiles.explain("deleting " + new Path(path, name), e);
    }
  }

  /** When a file was last changed, in milliseconds since 1970; empty if there is none. */
  public OptionalLong changed(String name) {
    try {
      return OptionalLong.of(fs.getFileStatus(new Path(path, name)).getModificationTime());
    } catch (FileNotFoundException e) {
      return OptionalLong.empty();
    } catch (IOException e) {
      throw HadoopFiles.explain("looking at " + new Path(path, name), e);
    }
  }

  /** The process that holds the {@link #lock}, if it left its number; see {@link FolderLock}. */
  public OptionalLong lockedBy() {
    return FolderLock.process(fs, path);
  }

  /** Replaces a file; after an interruption either the old or the new content can be read. */
  public void replace(String name, byte[] content) {
    Path file = new Path(path, name);
    attempt.check();
    try {
      replace(fs, file, content);
    } catch (IOException | FSError e) { // Hadoop's local files fail as an error.
      throw HadoopFiles.explain("writing " + file, e);
    }
  }

  /**
   * Writes a second file, deletes, renames: no step has to be atomic, because {@link #recover}
   * takes the second file if the first is gone.
   */
  static void replace(FileSystem fs, Path file, byte[] content) throws IOException {
    recover(fs, file);
    Path beside = beside(file);
    try (OutputStream out = fs.create(beside, true)) {
      out.write(content);
    }
    fs.delete(file, false);
    recover(fs, file);
  }

  static void recover(FileSystem fs, Path file) throws IOException {
    Path beside = beside(file);
    if (!fs.exists(file) && fs.exists(beside) && !fs.rename(beside, file)) {
      throw new IOException("cannot rename " + beside + " to " + file.getName());
    }
  }

  private static Path beside(Path file) {
    return new Path(file.getParent(), "." + file.getName() + ".new");
  }

  @Override
  public String toString() {
    return path.toString();
  }
}
