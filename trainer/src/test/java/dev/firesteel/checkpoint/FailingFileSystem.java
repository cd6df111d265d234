package dev.firesteel.checkpoint;

import java.io.IOException;
import java.io.OutputStream;
import org.apache.hadoop.conf.Configuration;
import org.apache.hadoop.fs.FSDataOutputStream;
import org.apache.hadoop.fs.FileSystem;
import org.apache.hadoop.fs.FilterFileSystem;
import org.apache.hadoop.fs.Path;
import org.apache.hadoop.fs.permission.FsPermission;
import org.apache.hadoop.util.Progressable;

/**
 * A file system whose operations that change something fail from a given one on: making a
 * directory, creating a file, writing a block, closing, deleting.
 */
final class FailingFileSystem extends FilterFileSystem {
  /** What the operations after the first failing one do. */
  enum Mode {
    /** They fail too: the process is dead. A block that is being written is written by half. */
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

  static FileSystem local() throws IOException {
    return FileSystem.getLocal(new Configuration()).getRawFileSystem();
  }

  static FailingFileSystem after(Mode mode, int allowed) throws IOException {
    return new FailingFileSystem(local(), mode, allowed);
  }

  static FailingFileSystem after(FileSystem fs, Mode mode, int allowed) {
    return new FailingFileSystem(fs, mode, allowed);
  }

  private boolean fails() {
    return operations++ >= allowed;
  }

  private static IOException failure() {
    return new IOException("No space left on device");
  }

  @Override
  public boolean mkdirs(Path f) throws IOException {
    if (fails()) {
      throw failure();
    }
    return super.mkdirs(f);
  }

  @Override
  public boolean delete(Path f, boolean recursive) throws IOException {
    if (fails() && mode == Mode.KILLED) {
      throw failure();
    }
    return super.delete(f, recursive);
  }

  @Override
  public FSDataOutputStream create(
      Path f,
      FsPermission permission,
      boolean overwrite,
      int bufferSize,
      short replication,
      long blockSize,
      Progressable progress)
      throws IOException {
    if (fails()) {
      throw failure();
    }
    FSDataOutputStream out =
        super.create(f, permission, overwrite, bufferSize, replication, blockSize, progress);
    return new FSDataOutputStream(
        new OutputStream() {
          @Override
          public void write(int b) throws IOException {
            write(new byte[] {(byte) b}, 0, 1);
          }

          @Override
          public void write(byte[] source, int offset, int length) throws IOException {
            if (fails()) {
              out.write(source, offset, length / 2);
              out.flush();
              throw failure();
            }
            out.write(source, offset, length);
          }

          @Override
          public void close() throws IOException {
            boolean failed = fails();
            out.close();
            if (failed) {
              throw failure();
            }
          }
        },
        null);
  }
}
