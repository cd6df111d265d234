package dev.firesteel.checkpoint;

import dev.firesteel.checkpoint.CheckpointManifest.FileEntry;
import java.io.FilterOutputStream;
import java.io.IOException;
import java.io.OutputStream;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import java.util.zip.CRC32C;
import org.apache.hadoop.fs.FSDataOutputStream;
import org.apache.hadoop.fs.FileSystem;
import org.apache.hadoop.fs.Path;
import org.apache.hadoop.fs.StreamCapabilities;

/**
 * Writes one rank's files of a checkpoint. Sizes and checksums are computed from the data passed to
 * the file system, so corruption on the way to the disk is detected on reading.
 */
public final class CheckpointWriter {
  private final FileSystem fs;
  private final Path directory;
  private final Attempt attempt;
  private final Permit permit;
  private final String folder; // with a slash at its end, or empty
  private final List<FileEntry> entries;

  /**
   * A writer into a checkpoint's directory.
   *
   * @param attempt that the process belongs to
   */
  public CheckpointWriter(FileSystem fs, Path directory, Attempt attempt, Permit permit) {
    this(fs, directory, attempt, permit, "", new ArrayList<>());
  }

  private CheckpointWriter(
      FileSystem fs,
      Path directory,
      Attempt attempt,
      Permit permit,
      String folder,
      List<FileEntry> entries) {
    this.fs = fs;
    this.directory = directory;
    this.attempt = attempt;
    this.permit = permit;
    this.folder = folder;
    this.entries = entries;
  }

  /**
   * The same checkpoint, with paths relative to a folder of it.
   *
   * @param subfolder with a slash at its end; empty: the same folder
   */
  public CheckpointWriter in(String subfolder) {
    return new CheckpointWriter(fs, directory, attempt, permit, folder + subfolder, entries);
  }

  /** Checked before each file and each block of it. */
  @FunctionalInterface
  public interface Permit {
    /** Throws if writing must stop. */
    void require() throws IOException;
  }

  /**
   * A new file; it belongs to the checkpoint once it is closed.
   *
   * @param path relative to the checkpoint's directory, with slashes
   * @throws dev.firesteel.error.UserException if a later attempt of the run has begun
   */
  public OutputStream create(String path) throws IOException {
    permit.require();
    attempt.check();
    FSDataOutputStream out = fs.create(new Path(directory, folder + path), true);
    return new Counted(folder + path, out);
  }

  /** Writes a whole UTF-8 text file. */
  public void write(String path, String text) throws IOException {
    try (OutputStream out = create(path)) {
      out.write(text.getBytes(StandardCharsets.UTF_8));
    }
  }

  /** Syncs the data to durable storage, if the file system supports it. */
  static void sync(FSDataOutputStream out) throws IOException {
    if (out.hasCapability(StreamCapabilities.HSYNC)) {
      out.hsync();
    }
  }

  List<FileEntry> entries() {
    return List.copyOf(entries);
  }

  private final class Counted extends FilterOutputStream {
    private final String path;
    private final FSDataOutputStream file;
    private final CRC32C crc = new CRC32C();
    private long bytes;
    private boolean closed;

    Counted(String path, FSDataOutputStream file) {
      super(file);
      this.path = path;
      this.file = file;
    }

    @Override
    public void write(int b) throws IOException {
      permit.require();
      file.write(b);
      crc.update(b);
      bytes++;
    }

    @Override
    public void write(byte[] source, int offset, int length) throws IOException {
      permit.require();
      file.write(source, offset, length);
      crc.update(source, offset, length);
      bytes += length;
    }

    @Override
    public void close() throws IOException {
      if (closed) {
        return;
      }
      closed = true;
      try (file) {
        // The manifest must not reach the disk before the files it lists.
        sync(file);
      }
      entries.add(new FileEntry(path, bytes, CheckpointManifest.hex(crc.getValue())));
    }
  }
}
