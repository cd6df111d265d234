package dev.firesteel.checkpoint;

import dev.firesteel.checkpoint.CheckpointManifest.FileEntry;
import dev.firesteel.error.UserException;
import dev.firesteel.files.HadoopFiles;
import dev.firesteel.format.safetensors.SafetensorsFile;
import java.io.FileNotFoundException;
import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.util.List;
import java.util.Optional;
import java.util.OptionalDouble;
import java.util.zip.CRC32C;
import org.apache.hadoop.fs.FileSystem;
import org.apache.hadoop.fs.Path;

/** A committed checkpoint: a directory with a manifest. */
public final class Checkpoint {
  private static final int BUFFER_BYTES = 1 << 20;

  private final FileSystem fs;
  private final Path directory;
  private final CheckpointManifest manifest;

  private Checkpoint(FileSystem fs, Path directory, CheckpointManifest manifest) {
    this.fs = fs;
    this.directory = directory;
    this.manifest = manifest;
  }

  /**
   * Opens the checkpoint in a directory; its files are not read before {@link #verify()}.
   *
   * @throws UserException if there is no manifest, or it is damaged or of another version
   */
  public static Checkpoint open(FileSystem fs, Path directory) {
    return find(fs, directory)
        .orElseThrow(
            () ->
                UserException.failure(
                    "%s must be a complete checkpoint, got a folder without a complete %s: choose another checkpoint"
                        .formatted(directory, CheckpointManifest.FILE_NAME)));
  }

  /** The checkpoint in a directory; empty if it is incomplete. */
  public static Optional<Checkpoint> find(FileSystem fs, Path directory) {
    Path file = new Path(directory, CheckpointManifest.FILE_NAME);
    byte[] json;
    try (InputStream in = fs.open(file)) {
      json = in.readAllBytes();
    } catch (FileNotFoundException e) {
      return Optional.empty();
    } catch (IOException e) {
      throw HadoopFiles.explain("reading " + file, e);
    }
    return CheckpointManifest.isComplete(json)
        ? Optional.of(
            new Checkpoint(fs, directory, CheckpointManifest.parse(json, file.toString())))
        : Optional.empty();
  }

  /** The directory, which is also a Hugging Face model directory. */
  public Path directory() {
    return directory;
  }

  /** Optimizer steps done. */
  public long step() {
    return manifest.step();
  }

  /** The attempt of the run that saved it. */
  public long attempt() {
    return manifest.attempt();
  }

  /** Identifies its content: the CRC-32C of its manifest, which holds those of all files. */
  public String identity() {
    return manifest.crc32c();
  }

  /** The score of the headline metric at this step, less is better; empty where not measured. */
  public OptionalDouble score() {
    return manifest.score() == null ? OptionalDouble.empty() : OptionalDouble.of(manifest.score());
  }

  /** Total size in bytes of all files except the manifest. */
  public long bytes() {
    return manifest.files().stream().mapToLong(FileEntry::bytes).sum();
  }

  /**
   * Reads every file and compares it with the manifest.
   *
   * @throws UserException that names the first file that is missing, of another length, or changed,
   *     with what was expected and what was found
   */
  public void verify() {
    byte[] buffer = new byte[BUFFER_BYTES];
    for (FileEntry entry : manifest.files()) {
      Path file = new Path(directory, entry.path());
      try {
        long length = fs.getFileStatus(file).getLen();
        if (length != entry.bytes()) {
          throw damaged(file, "have %d bytes, got %d".formatted(entry.bytes(), length));
        }
        CRC32C crc = new CRC32C();
        try (InputStream in = fs.open(file)) {
          for (int n = in.read(buffer); n >= 0; n = in.read(buffer)) {
            crc.update(buffer, 0, n);
          }
        }
        String got = CheckpointManifest.hex(crc.getValue());
        if (!got.equals(entry.crc32c())) {
          throw damaged(file, "have the CRC32C %s, got %s".formatted(entry.crc32c(), got));
        }
      } catch (FileNotFoundException e) {
        throw damaged(file, "exist, got nothing there");
      } catch (IOException e) {
        throw HadoopFiles.explain("reading " + file, e);
      }
    }
  }

  private UserException damaged(Path file, String required) {
    return UserException.failure(
        "the checkpoint file %s is damaged, it must %s: restore it, or delete %s to resume from the previous checkpoint"
            .formatted(file, required, directory));
  }

  /** The paths of all files except the manifest, in order. */
  public List<String> files() {
    return manifest.files().stream().map(FileEntry::path).toList();
  }

  /** All files except the manifest, with length and checksum. */
  List<FileEntry> entries() {
    return manifest.files();
  }

  /** Whether the manifest lists a file. */
  public boolean contains(String path) {
    return manifest.files().stream().anyMatch(entry -> entry.path().equals(path));
  }

  /** A file's text. */
  public String text(String path) {
    Path file = new Path(directory, path);
    try (InputStream in = fs.open(file)) {
      return new String(in.readAllBytes(), StandardCharsets.UTF_8);
    } catch (IOException e) {
      throw HadoopFiles.explain("reading " + file, e);
    }
  }

  /** A file's tensors. */
  public SafetensorsFile tensors(String path) {
    Path file = new Path(directory, path);
    try {
      return SafetensorsFile.open(fs, file);
    } catch (IOException e) {
      throw HadoopFiles.explain("reading " + file, e);
    }
  }

  /** The checkpoint's file system. */
  public FileSystem fileSystem() {
    return fs;
  }

  @Override
  public String toString() {
    return directory.toString();
  }
}
