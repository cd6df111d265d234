package dev.firesteel.run;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.JsonNode;
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
import java.util.List;
import java.util.Optional;
import java.util.function.Consumer;
import org.apache.hadoop.conf.Configuration;
import org.apache.hadoop.fs.FSError;
import org.apache.hadoop.fs.FileSystem;
import org.apache.hadoop.fs.Path;

/**
 * The directory of one run, {@code <runs_folder>/<name>/}:
 *
 * <ul>
 *   <li>{@code config.yaml}, the resolved configuration;
 *   <li>{@code run.json}, who computed what with what: versions, host, seeds, hashes, one session
 *       for each start;
 *   <li>{@code metrics.jsonl}, {@code samples.jsonl};
 *   <li>{@code report.html}, {@code loss.svg}, {@code loss.png}, made of the others;
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
   * Begins an attempt of the run, which ends the one before: what the driver does before it starts
   * the processes that train. They write through {@link #ofAttempt}.
   *
   * @param notices takes a line about each checkpoint that is not used
   */
  public Attempt beginAttempt(Consumer<String> notices) {
    return Attempt.begin(records, checkpoints(notices));
  }

  /**
   * The same directory for a process of an attempt, which writes only as long as that is the
   * latest.
   */
  public RunDirectory ofAttempt(long number, String token) {
    return new RunDirectory(fs, path, records, Attempt.of(records, number, token));
  }

  /** The run's checkpoints; {@code notices} takes a line about each one that is not used. */
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

  /** Records in {@code run.json} what the rows of {@code metrics.jsonl} mean. */
  public void writeMetrics(List<Metric> metrics, Headline headline) {
    updateRun(
        run -> {
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
   * Opens a file of rows for a run that goes on after {@code step}: rows of later steps are
   * dropped.
   */
  public StepRows openRows(String name, long step) {
    return StepRows.open(fs, new Path(path, name), step, attempt);
  }

  /** The content of a file; empty where there is none. */
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

  /** Replaces a file; the old content or the new one can be read back, whenever it is cut short. */
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
   * Writes beside, deletes, renames: no step has to be atomic, because {@link #recover} takes the
   * file beside whenever the other is gone.
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
