package dev.firesteel.format.safetensors;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.channels.FileChannel;
import java.nio.channels.FileChannel.MapMode;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.ArrayList;
import java.util.List;
import org.apache.hadoop.fs.FSDataInputStream;
import org.apache.hadoop.fs.FileSystem;
import org.apache.hadoop.fs.LocalFileSystem;
import org.apache.hadoop.fs.RawLocalFileSystem;

/**
 * The bytes of a file, little-endian: mapped into memory, or read through Hadoop into a buffer.
 *
 * <p>A file is mapped if it is on the local disk. With a checksum file of Hadoop's beside it, it is
 * read through Hadoop, which verifies that; published directories have none.
 */
abstract class ElementBytes implements AutoCloseable {
  /** The most bytes of one {@link #read}. */
  static final int LARGEST_READ = Safetensors.BUFFER_ELEMENTS * Float.BYTES;

  static ElementBytes of(FileSystem fs, org.apache.hadoop.fs.Path path, long length)
      throws IOException {
    Path local = local(fs, path);
    return local == null ? new Streamed(fs.open(path)) : new Mapped(local, length);
  }

  /** The file on the local disk; null if it is elsewhere, or has a checksum file. */
  private static Path local(FileSystem fs, org.apache.hadoop.fs.Path path) {
    // Exactly these classes: one that extends them may read in its own way.
    if (fs.getClass() == RawLocalFileSystem.class) {
      return ((RawLocalFileSystem) fs).pathToFile(path).toPath();
    } else if (fs.getClass() == LocalFileSystem.class) {
      LocalFileSystem checked = (LocalFileSystem) fs;
      boolean summed = checked.pathToFile(checked.getChecksumFile(path)).exists();
      return summed ? null : checked.pathToFile(path).toPath();
    }
    return null;
  }

  /**
   * Bytes {@code [from, from + count)}, valid until the next call.
   *
   * @param count at most {@link #LARGEST_READ}
   */
  abstract ByteBuffer read(long from, int count) throws IOException;

  @Override
  public abstract void close() throws IOException;

  private static final class Streamed extends ElementBytes {
    private final FSDataInputStream in;
    private final ByteBuffer buffer =
        ByteBuffer.allocate(LARGEST_READ).order(ByteOrder.LITTLE_ENDIAN);

    Streamed(FSDataInputStream in) {
      this.in = in;
    }

    @Override
    ByteBuffer read(long from, int count) throws IOException {
      in.seek(from);
      in.readFully(buffer.array(), 0, count);
      return buffer.clear().limit(count);
    }

    @Override
    public void close() throws IOException {
      in.close();
    }
  }

  /** Parts of 1 GiB, each with the beginning of the next, so that one of them holds any read. */
  private static final class Mapped extends ElementBytes {
    private static final long PART = 1 << 30;

    private final List<ByteBuffer> parts = new ArrayList<>();

    Mapped(Path file, long length) throws IOException {
      try (FileChannel channel = FileChannel.open(file, StandardOpenOption.READ)) {
        for (long start = 0; start < length; start += PART) {
          long size = Math.min(length - start, PART + LARGEST_READ);
          parts.add(channel.map(MapMode.READ_ONLY, start, size));
        }
      }
    }

    @Override
    ByteBuffer read(long from, int count) {
      ByteBuffer part = parts.get((int) (from / PART));
      return part.slice((int) (from % PART), count).order(ByteOrder.LITTLE_ENDIAN);
    }

    /** The mappings end with the objects: Java 17 has no other way. */
    @Override
    public void close() {
      parts.clear();
    }
  }
}
