package dev.firesteel.data;

import dev.firesteel.files.HadoopFiles;
import java.io.BufferedOutputStream;
import java.io.Closeable;
import java.io.IOException;
import java.io.OutputStream;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.security.DigestOutputStream;
import java.security.MessageDigest;
import java.util.Arrays;
import java.util.HexFormat;
import org.apache.hadoop.fs.FileSystem;
import org.apache.hadoop.fs.Path;

/**
 * Writes one shard in Megatron-LM's format ({@code megatron/core/datasets/indexed_dataset.py}): the
 * {@code .bin} file is the concatenated tokens of all documents; the {@code .idx} file, all
 * little-endian, is
 *
 * <pre>
 * "MMIDIDX\0\0"                         9 bytes
 * version 1                             u64
 * type code of a token                  u8    (8 uint16, 4 int32)
 * number of sequences S                 u64
 * number of document indices S + 1      u64
 * tokens of each sequence               i32[S]
 * byte offset of each sequence          i64[S]
 * first sequence of each document, S    i64[S + 1]
 * </pre>
 *
 * <p>Here one document is one sequence, and ends with the end-of-text token if the tokenizer has
 * one.
 */
public final class ShardWriter implements Closeable {
  static final byte[] MAGIC = {'M', 'M', 'I', 'D', 'I', 'D', 'X', 0, 0};
  static final long VERSION = 1;
  static final int HEADER_BYTES = MAGIC.length + 3 * Long.BYTES + 1;

  private static final int BUFFER_BYTES = 1 << 18;

  private final FileSystem fs;
  private final Path folder;
  private final String name;
  private final TokenEncoding encoding;
  private final MessageDigest binDigest = HadoopFiles.sha256();
  private final OutputStream bin;
  private int[] lengths = new int[1024];
  private int documents;
  private long tokens;

  /** Starts {@code <folder>/<name>.bin}, replacing an earlier one. */
  public ShardWriter(FileSystem fs, Path folder, String name, TokenEncoding encoding)
      throws IOException {
    this.fs = fs;
    this.folder = folder;
    this.name = name;
    this.encoding = encoding;
    this.bin = open(".bin", binDigest);
  }

  /** Adds one document. */
  public void add(int... document) throws IOException {
    addEncoded(encoding.encode(document));
  }

  /** Adds one document whose tokens are already encoded ({@link TokenEncoding#encode}). */
  public void addEncoded(byte[] document) throws IOException {
    int count = document.length / encoding.bytes();
    if (count == 0 || document.length % encoding.bytes() != 0) {
      throw new IllegalArgumentException(
          "a document must be one or more whole tokens, got " + document.length + " bytes");
    }
    bin.write(document);
    if (documents == lengths.length) {
      lengths = Arrays.copyOf(lengths, Math.multiplyExact(documents, 2));
    }
    lengths[documents++] = count;
    tokens += count;
  }

  /** Writes the index and closes both files; returns the manifest's entry for them. */
  public DatasetManifest.ShardInfo finish() throws IOException {
    bin.close();
    MessageDigest idxDigest = HadoopFiles.sha256();
    try (OutputStream idx = open(".idx", idxDigest)) {
      idx.write(
          littleEndian(HEADER_BYTES)
              .put(MAGIC)
              .putLong(VERSION)
              .put((byte) encoding.code())
              .putLong(documents)
              .putLong(documents + 1L)
              .array());
      for (int i = 0; i < documents; i++) {
        idx.write(littleEndian(Integer.BYTES).putInt(lengths[i]).array());
      }
      long offset = 0;
      for (int i = 0; i < documents; i++) {
        idx.write(littleEndian(Long.BYTES).putLong(offset).array());
        offset += (long) lengths[i] * encoding.bytes();
      }
      for (long i = 0; i <= documents; i++) {
        idx.write(littleEndian(Long.BYTES).putLong(i).array());
      }
    }
    return new DatasetManifest.ShardInfo(
        name,
        documents,
        tokens,
        new DatasetManifest.FileInfo(tokens * encoding.bytes(), hex(binDigest)),
        new DatasetManifest.FileInfo(indexBytes(documents), hex(idxDigest)));
  }

  /** Closes the file as it is; without {@link #finish} it is not a shard. */
  @Override
  public void close() throws IOException {
    bin.close();
  }

  static long indexBytes(long documents) {
    return HEADER_BYTES + documents * (Integer.BYTES + 2L * Long.BYTES) + Long.BYTES;
  }

  private OutputStream open(String ending, MessageDigest digest) throws IOException {
    OutputStream file = fs.create(new Path(folder, name + ending), true);
    return new BufferedOutputStream(new DigestOutputStream(file, digest), BUFFER_BYTES);
  }

  private static ByteBuffer littleEndian(int bytes) {
    return ByteBuffer.allocate(bytes).order(ByteOrder.LITTLE_ENDIAN);
  }

  private static String hex(MessageDigest digest) {
    return HexFormat.of().formatHex(digest.digest());
  }
}
