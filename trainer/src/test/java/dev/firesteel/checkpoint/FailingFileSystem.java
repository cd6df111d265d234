package dev.firesteel.checkpoint;

import java.io.IOException;
import org.apache.hadoop.conf.Configuration;
import org.apache.hadoop.fs.FileSystem;

/** A file system whose operations that change something fail from a given one on. */
public final class FailingFileSystem extends WatchedFileSystem {
  /** What the operations after the first failing one do. */
  public enum Mode {
    /** They fail too: the process is dead. */
    KILLED,
    /** Those that free space succeed, the others fail: the disk is full. */
    DISK_FULL
  }

  private final Mode mode;
  private final int allowed;
  private int operations;

  private FailingFileSystem(FileSystem fs, Mode mode, int allowed) {
    super(fs);
    this.mode = mode;
    this.allowed = allowed;
  }

  public static FileSystem local() throws IOException {
    return FileSystem.getLocal(new Configuration()).getRawFileSystem();
  }

  public static FailingFileSystem after(Mode mode, int allowed) throws IOException {
    return after(local(), mode, allowed);
  }

  public static FailingFileSystem after(FileSystem fs, Mode mode, int allowed) {
    return new FailingFileSystem(fs, mode, allowed);
  }

  @Override
  synchronized boolean fails(Operation operation) {
    return operations++ >= allowed && (mode == Mode.KILLED || operation != Operation.DELETE);
  }
}
