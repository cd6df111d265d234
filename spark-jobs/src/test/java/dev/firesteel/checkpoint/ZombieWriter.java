package dev.firesteel.checkpoint;

import dev.firesteel.error.UserException;
import dev.firesteel.files.HadoopFiles;
import dev.firesteel.run.RunDirectory;
import java.io.IOException;
import java.io.OutputStream;
import java.util.ArrayList;
import java.util.List;
import java.util.OptionalDouble;
import org.apache.hadoop.conf.Configuration;
import org.apache.hadoop.fs.FileSystem;
import org.apache.hadoop.fs.Path;

/**
 * Saves a checkpoint as a process does that has been given up and does not know: with the number
 * and the token of the attempt that was the last when it was made. In the package of what it uses,
 * for the product has no way to save in another attempt's name.
 */
public final class ZombieWriter {
  private final FileSystem fs;
  private final Path run;
  private final Attempt attempt;
  private final CheckpointStore store;

  @FunctionalInterface
  private interface Act {
    void make() throws IOException;
  }

  private ZombieWriter(FileSystem fs, Path run, Attempt attempt, CheckpointStore store) {
    this.fs = fs;
    this.run = run;
    this.attempt = attempt;
    this.store = store;
  }

  /** A writer of the attempt that is at work in a run directory. */
  public static ZombieWriter of(java.nio.file.Path directory) throws IOException {
    Path run = new Path("file", null, directory.toString()); // As executors are told of it.
    FileSystem fs = HadoopFiles.fileSystem(run, new Configuration());
    AttemptRecords records = new AttemptRecords(fs, run);
    long number = records.last().orElseThrow();
    Attempt attempt = Attempt.of(records, number, records.token(number));
    attempt.check(); // What refuses it later is neither the number nor the token.
    CheckpointStore store =
        RunDirectory.at(run, new Configuration())
            .ofAttempt(number, attempt.token())
            .checkpoints(notice -> {});
    return new ZombieWriter(fs, run, attempt, store);
  }

  /**
   * Saves a step, and takes no refusal: tries each part of it. Then it completes the checkpoint all
   * the same, as if it had slept between looking whether it may and doing it.
   *
   * @return a line for each part with what became of it
   */
  public List<String> save(long step) throws IOException {
    Path target = store.target(step);
    List<String> lines = new ArrayList<>();
    lines.add("prepare: " + outcome(() -> store.prepare(target)));
    lines.add("write: " + outcome(() -> store.writer(target, () -> {}).write("config.json", "{}")));
    lines.add(
        "commit: " + outcome(() -> store.commit(target, step, OptionalDouble.empty(), List.of())));
    complete(target, step);
    return lines;
  }

  private static String outcome(Act act) throws IOException {
    try {
      act.make();
      return "done";
    } catch (UserException e) {
      return e.getMessage();
    }
  }

  /** In one act: the next save may be deleting what is half-written. */
  private void complete(Path target, long step) throws IOException {
    Path beside = new Path(run, "of-a-zombie");
    try (OutputStream out = fs.create(new Path(beside, CheckpointManifest.FILE_NAME))) {
      out.write(CheckpointManifest.of(step, attempt.number(), null, List.of()).toJson());
    }
    if (!fs.rename(beside, target)) {
      throw new IOException("cannot rename " + beside + " to " + target);
    }
  }
}
