package dev.firesteel.spark.prepare;

import java.io.DataInputStream;
import java.io.EOFException;
import java.io.IOException;
import java.io.InputStream;
import java.io.PushbackInputStream;
import java.util.Arrays;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import net.jpountz.lz4.LZ4Exception;
import net.jpountz.lz4.LZ4Factory;
import net.jpountz.lz4.LZ4FrameInputStream;
import org.apache.commons.compress.compressors.bzip2.BZip2CompressorInputStream;
import org.apache.hadoop.conf.Configuration;
import org.apache.hadoop.io.compress.CompressionInputStream;
import org.apache.hadoop.io.compress.Decompressor;
import org.apache.hadoop.io.compress.DefaultCodec;
import org.xerial.snappy.Snappy;

/**
 * Replacements for Hadoop's codecs that silently stop where a file is truncated, damaged or of
 * another format (bzip2, LZ4, Snappy): these fail. {@code .lz4} may also be a file written by the
 * tool {@code lz4}, with checksummed frames, whereas Hadoop has its own block format.
 *
 * <p>None can be split: Hadoop's bzip2 finds a part's first block by its marker, and a block whose
 * marker is damaged would belong to no part.
 */
final class StrictCodecs {
  private StrictCodecs() {}

  /** The value of {@code io.compression.codecs}: the user's, and these instead of Hadoop's. */
  static String names(Configuration conf) {
    return Stream.concat(
            Stream.of(conf.getTrimmedStrings("io.compression.codecs")),
            Stream.of(Bzip2.class, Lz4.class, SnappyBlocks.class).map(Class::getName))
        .collect(Collectors.joining(","));
  }

  /** {@code .bz2}, of one stream or several. */
  public static final class Bzip2 extends Strict {
    @Override
    InputStream open(InputStream in) throws IOException {
      return new BZip2CompressorInputStream(in, true);
    }

    @Override
    public String getDefaultExtension() {
      return ".bz2";
    }
  }

  /** {@code .lz4}: frames, or Hadoop's blocks. */
  public static final class Lz4 extends Strict {
    private static final byte[] FRAME = {0x04, 0x22, 0x4D, 0x18};

    @Override
    InputStream open(InputStream in) throws IOException {
      PushbackInputStream file = new PushbackInputStream(in, FRAME.length);
      byte[] first = file.readNBytes(FRAME.length);
      file.unread(first);
      return Arrays.equals(first, FRAME)
          ? new LZ4FrameInputStream(file)
          : new Blocks(file, Lz4::decompress);
    }

    private static byte[] decompress(byte[] chunk, int most) throws IOException {
      try {
        return LZ4Factory.fastestInstance().safeDecompressor().decompress(chunk, most);
      } catch (LZ4Exception e) {
        throw new IOException("a damaged block", e);
      }
    }

    @Override
    public String getDefaultExtension() {
      return ".lz4";
    }
  }

  /** {@code .snappy}: Hadoop's blocks. Frames are rejected: they have no end marker. */
  public static final class SnappyBlocks extends Strict {
    @Override
    InputStream open(InputStream in) {
      return new Blocks(in, SnappyBlocks::decompress);
    }

    private static byte[] decompress(byte[] chunk, int most) throws IOException {
      if (Snappy.uncompressedLength(chunk) > most) {
        throw new IOException("a damaged block");
      }
      return Snappy.uncompress(chunk);
    }

    @Override
    public String getDefaultExtension() {
      return ".snappy";
    }
  }

  /** What Hadoop requires of a codec for reading. */
  private abstract static class Strict extends DefaultCodec {
    /** The text of a file. */
    abstract InputStream open(InputStream in) throws IOException;

    @Override
    public CompressionInputStream createInputStream(InputStream in) throws IOException {
      return new Text(open(in));
    }

    @Override
    public CompressionInputStream createInputStream(InputStream in, Decompressor decompressor)
        throws IOException {
      return createInputStream(in);
    }

    @Override
    public Class<? extends Decompressor> getDecompressorType() {
      return null;
    }

    @Override
    public Decompressor createDecompressor() {
      return null;
    }
  }

  private static final class Text extends CompressionInputStream {
    Text(InputStream in) throws IOException {
      super(in);
    }

    @Override
    public int read() throws IOException {
      return in.read();
    }

    @Override
    public int read(byte[] bytes, int offset, int length) throws IOException {
      return in.read(bytes, offset, length);
    }

    @Override
    public void resetState() throws IOException {
      throw new IOException("a file is read once");
    }
  }

  /** Decompresses one chunk to at most that many bytes. */
  private interface Chunks {
    byte[] decompress(byte[] chunk, int most) throws IOException;
  }

  /**
   * Hadoop's block format: for each block the length of its text, then chunks until the text is
   * complete, each with its length and its bytes; lengths are big-endian.
   */
  private static final class Blocks extends InputStream {
    private final DataInputStream file;
    private final Chunks chunks;
    private byte[] text = {};
    private int at;
    private int left;

    Blocks(InputStream file, Chunks chunks) {
      this.file = new DataInputStream(file);
      this.chunks = chunks;
    }

    @Override
    public int read() throws IOException {
      byte[] one = new byte[1];
      return read(one, 0, 1) < 0 ? -1 : Byte.toUnsignedInt(one[0]);
    }

    @Override
    public int read(byte[] bytes, int offset, int length) throws IOException {
      while (at == text.length) {
        if (left == 0) {
          int first = file.read();
          if (first < 0) {
            return -1;
          }
          left = first << 24 | file.readUnsignedByte() << 16 | file.readUnsignedShort();
        } else {
          text = chunks.decompress(chunk(), left);
          at = 0;
          left -= text.length;
        }
      }
      int count = Math.min(length, text.length - at);
      System.arraycopy(text, at, bytes, offset, count);
      at += count;
      return count;
    }

    private byte[] chunk() throws IOException {
      int length = file.readInt();
      if (left < 0 || length < 0) {
        throw new IOException("no such format");
      }
      byte[] chunk = file.readNBytes(length);
      if (chunk.length < length) {
        throw new EOFException("Unexpected end of input stream");
      }
      return chunk;
    }

    @Override
    public void close() throws IOException {
      file.close();
    }
  }
}
