package dev.firesteel.spark.prepare;

import dev.firesteel.data.DatasetManifest;
import dev.firesteel.error.UserException;
import dev.firesteel.files.FolderLock;
import dev.firesteel.files.HadoopFiles;
import java.io.IOException;
import java.util.regex.Pattern;
import org.apache.hadoop.fs.FileStatus;
import org.apache.hadoop.fs.FileSystem;
import org.apache.hadoop.fs.Path;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** The folder {@code data.path} while data is prepared: never one with other people's files. */
final class PreparedFolder {
  private static final Logger LOG = LoggerFactory.getLogger(PreparedFolder.class);

  /** What an interrupted run may leave behind, and a new one may delete. */
  private static final Pattern OWN_FILE =
      Pattern.compile(
          "(train|validation)-\\d+\\.(bin|idx|jsonl)|(tokenizer|tokenizer_config|manifest)\\.json|_.*");

  private final FileSystem fs;
  private final Path folder;

  PreparedFolder(FileSystem fs, Path folder) {
    this.fs = fs;
    this.folder = folder;
  }

  FileSystem fileSystem() {
    return fs;
  }

  /** Keeps other processes from preparing into the folder. */
  FolderLock lock() throws IOException {
    return FolderLock.take(fs, folder, "set data.path to another folder");
  }

  /**
   * Requires that data which is there was prepared with these settings and from these files.
   *
   * @param what it is, with its verb: {@code data that was}, {@code examples that were}
   */
  void requireSame(
      String what,
      String settingsThen,
      String settingsNow,
      DatasetManifest.Inputs then,
      DatasetManifest.Inputs now) {
    if (!settingsThen.equals(settingsNow)) {
      throw UserException.usage(
          "%s holds %s prepared with other settings: set data.path to another folder, or prepare with --rebuild"
              .formatted(folder, what));
    }
    if (!then.equals(now)) {
      throw UserException.usage(
          "%s holds %s prepared from other files (%d files, %d bytes) than those of data.source now (%d files, %d bytes, or changed since): set data.path to another folder, or prepare with --rebuild"
              .formatted(folder, what, then.files(), then.bytes(), now.files(), now.bytes()));
    }
  }

  /** Requires a folder that is writable and contains no other files, or makes one. */
  void require() {
    Path probe = new Path(folder, "_writable");
    try {
      if (fs.exists(folder)) {
        if (fs.getFileStatus(folder).isFile()) {
          throw UserException.usage(
              "data.path %s must be a folder, got a file: set data.path to another folder"
                  .formatted(folder));
        }
        for (FileStatus file : fs.listStatus(folder)) {
          if (!OWN_FILE.matcher(file.getPath().getName()).matches()) {
            throw UserException.usage(
                "data.path %s must be empty or hold prepared data, got %s: set data.path to another folder"
                    .formatted(folder, file.getPath().getName()));
          }
        }
      } else if (!fs.mkdirs(folder)) {
        throw new IOException("Permission denied");
      }
      fs.create(probe, true).close();
      fs.delete(probe, false);
    } catch (IOException e) {
      throw HadoopFiles.explain("creating the folder data.path " + folder, e);
    }
  }

  /** The manifest first: without it there is no data, should this be interrupted. */
  void clear() throws IOException {
    fs.delete(new Path(folder, DatasetManifest.FILE_NAME), false);
    for (FileStatus file : fs.listStatus(folder)) {
      String name = file.getPath().getName();
      if (OWN_FILE.matcher(name).matches() && !name.equals(FolderLock.FILE_NAME)) {
        fs.delete(file.getPath(), true);
      }
    }
  }

  /** Frees a full disk; anything that cannot be deleted is deleted by the next run. */
  void clearAfterFailure() {
    try {
      clear();
    } catch (IOException e) {
      LOG.warn("Cannot delete what is unfinished in {}: {}", folder, e.getMessage());
    }
  }
}
