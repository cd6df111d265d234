package dev.firesteel.train;

import java.io.IOException;
import java.io.InterruptedIOException;
import java.io.OutputStream;
import java.util.concurrent.CountDownLatch;
import org.apache.hadoop.conf.Configuration;
import org.apache.hadoop.fs.FSDataOutputStream;
import org.apache.hadoop.fs.Path;
import org.apache.hadoop.fs.RawLocalFileSystem;
import org.apache.hadoop.fs.Syncable;
import org.apache.hadoop.fs.permission.FsPermission;
import org.apache.hadoop.util.Progressable;

/**
 * Local files, of which one answers no more from some operation on, until it is released: as an NFS
 * server that is gone does.
 */
public final class HangingFileSystem extends RawLocalFileSystem {
  /** What hangs. */
  enum Operation {
    CREATE,
    APPEND,
    WRITE,
    SYNC,
    CLOSE
  }

  private static volatile String name = "";
  private static volatile Operation operation;
  private static volatile CountDownLatch released;

  /** Local files whose file of this name hangs in an operation. */
  static Configuration of(String fileName, Operation hanging) {
    name = fileName;
    operation = hanging;
    released = new CountDownLatch(1);
    Configuration hadoop = new Configuration();
    hadoop.set("fs.file.impl", HangingFileSystem.class.getName());
    hadoop.setBoolean("fs.file.impl.disable.cache", true);
    return hadoop;
  }

  /** Whatever hangs goes on. */
  static void release() {
    released.countDown();
  }

  private static void reach(Path file, Operation now) throws IOException {
    if (now == operation && file.getName().equals(name)) {
      try {
        released.await();
      } catch (InterruptedException e) {
        throw new InterruptedIOException("interrupted while " + file + " hung");
      }
    }
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
    reach(f, Operation.CREATE);
    return watched(
        f, super.create(f, permission, overwrite, bufferSize, replication, blockSize, progress));
  }

  @Override
  public FSDataOutputStream create(
      Path f,
      boolean overwrite,
      int bufferSize,
      short replication,
      long blockSize,
      Progressable progress)
      throws IOException {
    reach(f, Operation.CREATE);
    return watched(f, super.create(f, overwrite, bufferSize, replication, blockSize, progress));
  }

  @Override
  public FSDataOutputStream append(Path f, int bufferSize, Progressable progress)
      throws IOException {
    reach(f, Operation.APPEND);
    return watched(f, super.append(f, bufferSize, progress));
  }

  private static FSDataOutputStream watched(Path file, FSDataOutputStream out) {
    return new FSDataOutputStream(new Watched(file, out), null);
  }

  private static final class Watched extends OutputStream implements Syncable {
    private final Path file;
    private final FSDataOutputStream out;

    Watched(Path file, FSDataOutputStream out) {
      this.file = file;
      this.out = out;
    }

    @Override
    public void write(int b) throws IOException {
      write(new byte[] {(byte) b}, 0, 1);
    }

    @Override
    public void write(byte[] source, int offset, int length) throws IOException {
      reach(file, Operation.WRITE);
      out.write(source, offset, length);
    }

    @Override
    public void flush() throws IOException {
      out.flush();
    }

    @Override
    public void hflush() throws IOException {
      out.hflush();
    }

    @Override
    public void hsync() throws IOException {
      reach(file, Operation.SYNC);
      out.hsync();
    }

    @Override
    public void close() throws IOException {
      reach(file, Operation.CLOSE);
      out.close();
    }
  }
}
