package dev.firesteel.hostile;

import java.io.EOFException;
import java.io.FileNotFoundException;
import java.net.URI;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import org.apache.hadoop.conf.Configuration;
import org.apache.hadoop.fs.FSDataInputStream;
import org.apache.hadoop.fs.FSDataOutputStream;
import org.apache.hadoop.fs.FSInputStream;
import org.apache.hadoop.fs.FileStatus;
import org.apache.hadoop.fs.FileSystem;
import org.apache.hadoop.fs.Path;
import org.apache.hadoop.fs.permission.FsPermission;
import org.apache.hadoop.util.Progressable;

/** Files to read in memory, so that a damaged one costs no disk. Nothing is written through it. */
public final class MemoryFiles extends FileSystem {
  private static final URI ROOT = URI.create("memory:///");

  private final Map<String, byte[]> files = new ConcurrentHashMap<>();

  public MemoryFiles() {
    setConf(new Configuration(false));
  }

  /** Replaces a file. */
  public Path put(String name, byte[] content) {
    files.put("/" + name, content);
    return new Path("memory:///" + name);
  }

  @Override
  public FSDataInputStream open(Path path, int bufferSize) throws FileNotFoundException {
    return new FSDataInputStream(new Content(content(path)));
  }

  @Override
  public FileStatus getFileStatus(Path path) throws FileNotFoundException {
    return new FileStatus(content(path).length, false, 1, 1, 0, path);
  }

  private byte[] content(Path path) throws FileNotFoundException {
    byte[] content = files.get(path.toUri().getPath());
    if (content == null) {
      throw new FileNotFoundException(path.toString());
    }
    return content;
  }

  @Override
  public FileStatus[] listStatus(Path path) {
    String folder = path.toUri().getPath();
    return files.entrySet().stream()
        .filter(file -> new Path(file.getKey()).getParent().toString().equals(folder))
        .map(
            file -> new FileStatus(file.getValue().length, false, 1, 1, 0, new Path(file.getKey())))
        .toArray(FileStatus[]::new);
  }

  @Override
  public URI getUri() {
    return ROOT;
  }

  @Override
  public Path getWorkingDirectory() {
    return new Path(ROOT);
  }

  @Override
  public void setWorkingDirectory(Path path) {
    throw readOnly();
  }

  @Override
  public FSDataOutputStream create(
      Path path,
      FsPermission permission,
      boolean overwrite,
      int bufferSize,
      short replication,
      long blockSize,
      Progressable progress) {
    throw readOnly();
  }

  @Override
  public FSDataOutputStream append(Path path, int bufferSize, Progressable progress) {
    throw readOnly();
  }

  @Override
  public boolean rename(Path from, Path to) {
    throw readOnly();
  }

  @Override
  public boolean delete(Path path, boolean recursive) {
    throw readOnly();
  }

  @Override
  public boolean mkdirs(Path path, FsPermission permission) {
    throw readOnly();
  }

  private static UnsupportedOperationException readOnly() {
    return new UnsupportedOperationException("files in memory are only read");
  }

  /** A file's bytes as Hadoop reads them. */
  private static final class Content extends FSInputStream {
    private final byte[] bytes;
    private int position;

    Content(byte[] bytes) {
      this.bytes = bytes;
    }

    @Override
    public int read() {
      return position < bytes.length ? Byte.toUnsignedInt(bytes[position++]) : -1;
    }

    @Override
    public int read(byte[] into, int offset, int length) {
      if (length == 0) {
        return 0;
      }
      if (position >= bytes.length) {
        return -1;
      }
      int count = Math.min(length, bytes.length - position);
      System.arraycopy(bytes, position, into, offset, count);
      position += count;
      return count;
    }

    @Override
    public void seek(long to) throws EOFException {
      if (to < 0 || to > bytes.length) {
        throw new EOFException("cannot seek to " + to + " of " + bytes.length);
      }
      position = (int) to;
    }

    @Override
    public long getPos() {
      return position;
    }

    @Override
    public boolean seekToNewSource(long target) {
      return false;
    }
  }
}
