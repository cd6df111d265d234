package dev.firesteel.checkpoint;

import java.io.IOException;
import java.io.OutputStream;
import org.apache.hadoop.fs.FSDataOutputStream;
import org.apache.hadoop.fs.FileSystem;
import org.apache.hadoop.fs.FilterFileSystem;
import org.apache.hadoop.fs.Path;
import org.apache.hadoop.fs.permission.FsPermission;
import org.apache.hadoop.util.Progressable;

/** A file system that tells of each operation that changes something, before it is done. */
abstract class WatchedFileSystem extends FilterFileSystem {
  enum Operation {
    MAKE_FOLDER,
    DELETE,
    CREATE,
    WRITE,
    CLOSE
  }

  WatchedFileSystem(FileSystem fs) {
    super(fs);
  }

  /** Whether the operation is to fail; a block is written by half then, a file closed. */
  abstract boolean fails(Operation operation);

  private static IOException failure() {
    return new IOException("No space left on device");
  }

  @Override
  public boolean mkdirs(Path f) throws IOException {
    if (fails(Operation.MAKE_FOLDER)) {
      throw failure();
    }
    return super.mkdirs(f);
  }

  @Override
  public boolean delete(Path f, boolean recursive) throws IOException {
    if (fails(Operation.DELETE)) {
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
    if (fails(Operation.CREATE)) {
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
            if (fails(Operation.WRITE)) {
              out.write(source, offset, length / 2);
              out.flush();
              throw failure();
            }
            out.write(source, offset, length);
          }

          @Override
          public void close() throws IOException {
            boolean failed = fails(Operation.CLOSE);
            out.close();
            if (failed) {
              throw failure();
            }
          }
        },
        null);
  }
}
