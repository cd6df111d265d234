package dev.firesteel.checkpoint;

import dev.firesteel.checkpoint.CheckpointManifest.FileEntry;
import dev.firesteel.error.UserException;
import dev.firesteel.files.HadoopFiles;
import java.io.FileNotFoundException;
import java.io.IOException;
import java.io.InputStream;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.HashSet;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import java.util.OptionalDouble;
import java.util.Set;
import java.util.function.Consumer;
import java.util.function.Predicate;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.apache.hadoop.fs.FSDataOutputStream;
import org.apache.hadoop.fs.FSError;
import org.apache.hadoop.fs.FileStatus;
import org.apache.hadoop.fs.FileSystem;
import org.apache.hadoop.fs.Path;

/**
 * The checkpoints of one run: directories {@code step-00000100} with a {@code MANIFEST.json}, which
 * is written last and deleted first. A directory without one is not a checkpoint: it is ignored
 * with a notice, and deleted when the next one is saved. Renames are not needed, so any Hadoop file
 * system works whose files appear with their content when they are closed.
 *
 * <p>One attempt of the run writes at a time; readers may come and go. A process of an earlier
 * {@link Attempt} finds out and stops; whatever it does until then, even if it is suspended in the
 * middle, only affects directories that no later attempt writes into ({@code step-00000100-a4}) or
 * reads.
 */
public final class CheckpointStore {
  private static final Pattern NAME = Pattern.compile("step-\\d{8,}(?:-[ag](\\d+))?");

  private final FileSystem fs;
  private final Path directory;
  private final AttemptRecords records;
  private final Attempt attempt;
  private final Consumer<String> notices;

  /** Writes the files of one rank. */
  @FunctionalInterface
  public interface Content {
    void writeTo(CheckpointWriter writer) throws IOException;
  }

  /**
   * @param directory of all checkpoints of a run; created by the first save
   * @param records of the run's attempts
   * @param attempt that this process belongs to
   * @param notices receives a line about each directory that is found but not used
   */
  public CheckpointStore(
      FileSystem fs,
      Path directory,
      AttemptRecords records,
      Attempt attempt,
      Consumer<String> notices) {
    this.fs = fs;
    this.directory = directory;
    this.records = records;
    this.attempt = attempt;
    this.notices = notices;
  }

  /** The directory of all checkpoints. */
  public Path directory() {
    return directory;
  }

  /**
   * The directory name for a step. No two attempts share a name: one that is free may yet be taken
   * by a process of an earlier attempt that was suspended between check and write.
   */
  static String name(long step, long attempt) {
    String name = String.format(Locale.ROOT, "step-%08d", step);
    return attempt == 1 ? name : name + "-a" + attempt;
  }

  /** The attempt that a directory's name belongs to. */
  private static long attempt(Path folder) {
    Matcher matcher = NAME.matcher(folder.getName());
    return matcher.matches() && matcher.group(1) != null ? Long.parseLong(matcher.group(1)) : 1;
  }

  /** Whether there is no checkpoint directory, not even a half-written one. */
  boolean isEmpty() {
    return foldersToRead().isEmpty();
  }

  /**
   * The committed checkpoints, oldest first; for each step, that of the latest attempt last.
   *
   * @throws UserException if a manifest is damaged or of another version
   */
  public List<Checkpoint> list() {
    Predicate<Checkpoint> trusted = records.trusted();
    List<Checkpoint> committed = new ArrayList<>();
    for (Path folder : foldersToRead()) {
      Optional<Checkpoint> checkpoint = Checkpoint.find(fs, folder);
      if (checkpoint.isEmpty()) {
        notices.accept(
            "Ignoring %s: it was not written completely (no complete %s); the next save deletes it"
                .formatted(folder, CheckpointManifest.FILE_NAME));
      } else if (!trusted.test(checkpoint.get())) {
        notices.accept(
            "Ignoring %s: attempt %d of the run completed it after a later one had begun; the next save deletes it"
                .formatted(folder, checkpoint.get().attempt()));
      } else {
        committed.add(checkpoint.get());
      }
    }
    committed.sort(
        Comparator.comparingLong(Checkpoint::step).thenComparingLong(Checkpoint::attempt));
    return committed;
  }

  /** The committed checkpoint with the most steps. */
  public Optional<Checkpoint> latest() {
    List<Checkpoint> all = list();
    return all.isEmpty() ? Optional.empty() : Optional.of(all.get(all.size() - 1));
  }

  /**
   * Deletes all but the newest {@code keepLast} checkpoints and, if {@code keepBest}, the one of
   * the best score (of equals, the oldest). Called by rank 0.
   *
   * @return how many were deleted
   */
  public int retain(int keepLast, boolean keepBest) {
    List<Checkpoint> all = list();
    Set<Path> kept = new HashSet<>();
    all.stream()
        .skip(Math.max(0, all.size() - keepLast))
        .forEach(checkpoint -> kept.add(checkpoint.directory()));
    if (keepBest) {
      best(all).ifPresent(checkpoint -> kept.add(checkpoint.directory()));
    }
    int deleted = 0;
    for (Checkpoint checkpoint : all) {
      if (!kept.contains(checkpoint.directory())) {
        delete(checkpoint);
        deleted++;
      }
    }
    return deleted;
  }

  /** The checkpoint of the best score; of equals, the oldest. */
  public static Optional<Checkpoint> best(List<Checkpoint> checkpoints) {
    return checkpoints.stream()
        .filter(checkpoint -> checkpoint.score().isPresent())
        .min(
            Comparator.comparingDouble((Checkpoint checkpoint) -> checkpoint.score().getAsDouble())
                .thenComparingLong(Checkpoint::step));
  }

  /** Deletes a checkpoint, its manifest first, so that it is never partially visible. */
  public void delete(Checkpoint checkpoint) {
    try {
      deleteFolder(checkpoint.directory());
    } catch (IOException e) {
      throw HadoopFiles.explain("deleting the checkpoint " + checkpoint, e);
    }
  }

  /**
   * Copies a checkpoint of another run into this one, without its score. If there is a checkpoint
   * of any step, nothing is copied.
   */
  public void adopt(Checkpoint checkpoint) {
    if (latest().isPresent()) {
      return;
    }
    Path target = target(checkpoint.step());
    try {
      prepare(target);
      for (String file : checkpoint.files()) {
        Path copy = new Path(target, file);
        fs.mkdirs(copy.getParent());
        try (InputStream in = checkpoint.fileSystem().open(new Path(checkpoint.directory(), file));
            FSDataOutputStream out = fs.create(copy, true)) {
          in.transferTo(out);
          CheckpointWriter.sync(out);
        }
      }
      commit(target, checkpoint.step(), OptionalDouble.empty(), checkpoint.entries());
    } catch (IOException e) {
      throw HadoopFiles.explain("copying the checkpoint " + checkpoint + " to " + target, e);
    }
  }

  /** The attempt that this process belongs to. */
  long attempt() {
    return attempt.number();
  }

  /** The directory in which this attempt saves a step. */
  Path target(long step) {
    return new Path(directory, name(step, attempt.number()));
  }

  CheckpointWriter writer(Path target, CheckpointWriter.Permit permit) {
    return new CheckpointWriter(fs, target, attempt, permit);
  }

  private List<Path> foldersToRead() {
    try {
      return folders();
    } catch (IOException e) {
      throw HadoopFiles.explain("listing the checkpoints in " + directory, e);
    }
  }

  private List<Path> folders() throws IOException {
    List<Path> folders = new ArrayList<>();
    try {
      for (FileStatus status : fs.listStatus(directory)) {
        if (status.isDirectory() && NAME.matcher(status.getPath().getName()).matches()) {
          folders.add(status.getPath());
        }
      }
    } catch (FileNotFoundException e) {
      return List.of();
    }
    return folders;
  }

  /**
   * Deletes what no reader uses, and creates the directory. Those of later attempts are left alone:
   * if there are any, the next check reports it.
   */
  void prepare(Path target) throws IOException {
    attempt.requireBegun(records);
    Predicate<Checkpoint> trusted = records.trusted();
    for (Path folder : folders()) {
      Optional<Checkpoint> checkpoint = Checkpoint.find(fs, folder);
      boolean used = checkpoint.isPresent() && trusted.test(checkpoint.get());
      if (used && folder.getName().equals(target.getName())) {
        throw new IllegalStateException("checkpoint " + target + " exists already");
      }
      if (!used && attempt(folder) <= attempt.number()) {
        deleteFolder(folder);
        notices.accept(
            "Deleted %s, which was %s"
                .formatted(
                    folder,
                    checkpoint.isPresent()
                        ? "completed after a later attempt of the run had begun"
                        : "not written completely"));
      }
    }
    attempt.check();
    fs.mkdirs(target);
  }

  void commit(Path target, long step, OptionalDouble score, List<FileEntry> files)
      throws IOException {
    List<FileEntry> sorted = files.stream().sorted(Comparator.comparing(FileEntry::path)).toList();
    CheckpointManifest manifest =
        CheckpointManifest.of(
            step, attempt.number(), score.isPresent() ? score.getAsDouble() : null, sorted);
    for (FileEntry file : sorted) {
      long length = fs.getFileStatus(new Path(target, file.path())).getLen();
      if (length != file.bytes()) {
        throw new IOException(
            "%s has %d bytes after %d were written"
                .formatted(new Path(target, file.path()), length, file.bytes()));
      }
    }
    attempt.check();
    try (FSDataOutputStream out = fs.create(new Path(target, CheckpointManifest.FILE_NAME), true)) {
      out.write(manifest.toJson());
      CheckpointWriter.sync(out);
    }
  }

  private void deleteFolder(Path folder) throws IOException {
    attempt.check();
    Path manifest = new Path(folder, CheckpointManifest.FILE_NAME);
    if (fs.exists(manifest) && !fs.delete(manifest, false)) {
      throw new IOException("the file system refused to delete " + manifest);
    }
    if (fs.exists(folder) && !fs.delete(folder, true)) {
      throw new IOException("the file system refused to delete " + folder);
    }
  }

  /**
   * Deletes a failed save. A manifest may be complete although its writer got an error; then the
   * checkpoint exists, and others may have started reading it.
   */
  void discard(Path target) {
    try {
      if (Checkpoint.find(fs, target).isEmpty()) {
        deleteFolder(target);
      }
    } catch (IOException | FSError | UserException e) {
      notices.accept(
          "%s was not written completely and cannot be deleted now (%s); the next save tries again"
              .formatted(target, e.getMessage()));
    }
  }
}
