package dev.firesteel.format.gguf;

import dev.firesteel.array.Shape;
import dev.firesteel.error.UserException;
import dev.firesteel.format.safetensors.Safetensors;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import java.util.function.Predicate;
import org.apache.hadoop.fs.FSDataInputStream;
import org.apache.hadoop.fs.FileSystem;
import org.apache.hadoop.fs.Path;

/**
 * A GGUF file of version 2 or 3 that is read: metadata, a table of tensors, and the tensors a range
 * at a time. All that a file says is checked before it is used, and what is kept of it takes no
 * more memory than its header, which is limited; {@link UserException} is the only exception for a
 * malformed file. Source: {@code docs/gguf.md} of ggml-org/ggml.
 */
public final class GgufFile implements AutoCloseable {
  private final Path path;
  private final FSDataInputStream in;
  private final long dataStart;
  private final Map<String, GgufValue> metadata;
  private final Map<String, GgufTensor> tensors;

  private GgufFile(
      Path path,
      FSDataInputStream in,
      long dataStart,
      Map<String, GgufValue> metadata,
      Map<String, GgufTensor> tensors) {
    this.path = path;
    this.in = in;
    this.dataStart = dataStart;
    this.metadata = Collections.unmodifiableMap(metadata);
    this.tensors = Collections.unmodifiableMap(tensors);
  }

  /**
   * Opens a file and checks its header against its length.
   *
   * @throws UserException if it is not a valid file, with the first thing that is wrong
   */
  public static GgufFile open(FileSystem fs, Path path) throws IOException {
    long length = fs.getFileStatus(path).getLen();
    FSDataInputStream in = fs.open(path);
    try {
      return new Header(path, in, length).read();
    } catch (IOException | RuntimeException e) {
      in.close();
      throw e;
    }
  }

  /** The metadata in the file's order. */
  public Map<String, GgufValue> metadata() {
    return metadata;
  }

  /** The tensors in the order of their data. */
  public Map<String, GgufTensor> tensors() {
    return tensors;
  }

  /**
   * A text of the metadata; empty if there is none.
   *
   * @throws UserException if it is something else
   */
  public Optional<String> text(String key) {
    return value(key, "a text", value -> value.isText() && !value.isArray())
        .map(value -> value.texts().get(0));
  }

  /** An array of texts of the metadata; empty if there is none. */
  public Optional<List<String>> texts(String key) {
    return value(key, "an array of texts", value -> value.isText() && value.isArray())
        .map(GgufValue::texts);
  }

  /**
   * An integer of the metadata from 0 to 2^31 - 1; empty if there is none.
   *
   * @throws UserException if it is something else
   */
  public Optional<Integer> integer(String key) {
    return value(
            key,
            "an integer from 0 to %d".formatted(Integer.MAX_VALUE),
            value ->
                value.isInteger()
                    && !value.isArray()
                    && value.element(0) >= 0
                    && value.element(0) <= Integer.MAX_VALUE)
        .map(value -> (int) value.element(0));
  }

  /** A number of the metadata; empty if there is none. */
  public Optional<Double> number(String key) {
    return value(
            key,
            "a finite number",
            value ->
                !value.isText()
                    && !value.isArray()
                    && value.type() != GgufValue.Type.BOOL
                    && Double.isFinite(value.decimal(0)))
        .map(value -> value.decimal(0));
  }

  /** A boolean of the metadata; empty if there is none. */
  public Optional<Boolean> flag(String key) {
    return value(key, "a boolean", value -> value.type() == GgufValue.Type.BOOL && !value.isArray())
        .map(value -> value.element(0) != 0);
  }

  /** An array of integers or floats of the metadata; empty if there is none. */
  Optional<GgufValue> array(String key) {
    return value(key, "an array of numbers", value -> value.isArray() && !value.isText());
  }

  private Optional<GgufValue> value(String key, String required, Predicate<GgufValue> valid) {
    GgufValue value = metadata.get(key);
    if (value != null && !valid.test(value)) {
      throw UserException.failure(
          "%s of %s must be %s, got %s: the file is damaged or of another kind"
              .formatted(key, path, required, value));
    }
    return Optional.ofNullable(value);
  }

  /**
   * Copies elements {@code [from, from + count)} of a tensor to the start of {@code into}.
   *
   * @param from a multiple of the type's block size, as is {@code count}
   * @throws UserException if the file has no such tensor, or its type is one that cannot be read
   */
  public void read(String name, long from, float[] into, int count) throws IOException {
    GgufTensor tensor = requireNumbers(name);
    Objects.checkFromIndexSize(from, (long) count, tensor.shape().size());
    GgmlType type = tensor.type();
    if (from % type.blockElements() != 0 || count % type.blockElements() != 0) {
      throw new IllegalArgumentException(
          "gguf: a range of %s must be whole blocks of %d elements, got %d from %d"
              .formatted(type, type.blockElements(), count, from));
    }
    in.seek(dataStart + tensor.begin() + type.bytes(from));
    int part = Math.min(count, Safetensors.BUFFER_ELEMENTS);
    ByteBuffer bytes = ByteBuffer.allocate((int) type.bytes(part)).order(ByteOrder.LITTLE_ENDIAN);
    for (int done = 0; done < count; ) {
      int now = Math.min(part, count - done);
      in.readFully(bytes.array(), 0, (int) type.bytes(now));
      GgmlBlocks.decode(type, bytes.clear(), into, done, now);
      done += now;
    }
  }

  /** Whether {@link #read} can read a tensor's type. */
  public static boolean isReadable(GgufTensor tensor) {
    return GgmlBlocks.KNOWN.contains(tensor.type());
  }

  /**
   * The entry of a tensor that {@link #read} can read.
   *
   * @throws UserException if there is no such tensor, or its type cannot be read
   */
  public GgufTensor requireNumbers(String name) {
    GgufTensor tensor = tensors.get(name);
    if (tensor == null) {
      throw UserException.failure("%s must hold the tensor %s, and does not".formatted(path, name));
    }
    if (!isReadable(tensor)) {
      throw UserException.usage(
          "tensor %s of %s must be of one of the types %s, got %s: take a file with these types"
              .formatted(name, path, GgmlBlocks.KNOWN, tensor.type()));
    }
    return tensor;
  }

  @Override
  public void close() throws IOException {
    in.close();
  }

  @Override
  public String toString() {
    return path.toString();
  }

  /** Reads and checks everything before the data. */
  private static final class Header {
    private static final int MOST_DIMENSIONS = 4;

    private static final int MOST_ENTRIES = 1 << 16;

    /** The fewest bytes of a key with its value, and of an entry for a tensor. */
    private static final int SMALLEST_PAIR = 13;

    private static final int SMALLEST_ENTRY = 24;

    private final Path path;
    private final FSDataInputStream in;
    private final long length;
    private final ByteBuffer word = ByteBuffer.allocate(8).order(ByteOrder.LITTLE_ENDIAN);
    private final byte[] buffer = new byte[1 << 16];
    private int buffered;
    private int taken;
    private long position;

    Header(Path path, FSDataInputStream in, long length) {
      this.path = path;
      this.in = in;
      this.length = length;
    }

    GgufFile read() throws IOException {
      int magic = length < 4 ? 0 : readInt("its magic number");
      if (magic != Gguf.MAGIC) {
        throw wrong("must begin with the letters GGUF");
      }
      int version = readInt("its version");
      if (version != 2 && version != Gguf.VERSION) {
        throw wrong(
            "must be of version 2 or 3 and little-endian, got version %s"
                .formatted(Integer.toUnsignedString(version)));
      }
      long tensorCount = count("tensors", SMALLEST_ENTRY);
      long pairs = count("metadata keys", SMALLEST_PAIR);
      Map<String, GgufValue> metadata = new LinkedHashMap<>();
      for (long i = 0; i < pairs; i++) {
        String key = name("a metadata key", Gguf.LONGEST_KEY);
        if (metadata.put(key, value(key)) != null) {
          throw wrong("has the metadata key %s twice".formatted(key));
        }
      }
      long alignment = alignment(metadata);
      List<GgufTensor> entries = new ArrayList<>();
      long end = 0;
      for (long i = 0; i < tensorCount; i++) {
        GgufTensor entry = entry();
        long expected = Gguf.align(end, alignment);
        if (entry.begin() != expected) {
          throw wrong(
              "must have the tensor %s at byte %d of its data, where the one before it ends, got %s"
                  .formatted(entry.name(), expected, Long.toUnsignedString(entry.begin())));
        }
        end = sum(entry, expected, entry.bytes());
        entries.add(entry);
      }
      long dataStart = Gguf.align(position, alignment);
      if (!entries.isEmpty() && (dataStart > length || end > length - dataStart)) {
        throw wrong(
            "is truncated: its header and tensors take %d bytes, it has %d"
                .formatted(dataStart + end, length));
      }
      Map<String, GgufTensor> tensors = new LinkedHashMap<>();
      for (GgufTensor entry : entries) {
        if (tensors.put(entry.name(), entry) != null) {
          throw wrong("has the tensor %s twice".formatted(entry.name()));
        }
      }
      return new GgufFile(path, in, dataStart, metadata, tensors);
    }

    private long sum(GgufTensor entry, long begin, long bytes) {
      if (bytes > length || begin > length) {
        throw wrong(
            "is truncated: its tensor %s takes %d bytes, the file has %d"
                .formatted(entry.name(), bytes, length));
      }
      return begin + bytes;
    }

    private long alignment(Map<String, GgufValue> metadata) {
      GgufValue value = metadata.get(Gguf.ALIGNMENT);
      if (value == null) {
        return Gguf.DEFAULT_ALIGNMENT;
      }
      long alignment = value.isInteger() && !value.isArray() ? value.element(0) : -1;
      if (alignment < 1 || alignment > 1 << 20 || Long.bitCount(alignment) != 1) {
        throw wrong(
            "must have a power of two up to %d as %s, got %s"
                .formatted(1 << 20, Gguf.ALIGNMENT, value));
      }
      return alignment;
    }

    /** A number of things of which each takes at least some bytes of the file. */
    private long count(String things, int bytesOfOne) throws IOException {
      long count = readLong("the number of its " + things);
      if (count < 0 || count > Math.min(MOST_ENTRIES, length / bytesOfOne)) {
        throw wrong(
            "cannot have %s %s in %d bytes, nor ever more than %d"
                .formatted(Long.toUnsignedString(count), things, length, MOST_ENTRIES));
      }
      return count;
    }

    private GgufValue value(String key) throws IOException {
      GgufValue.Type type = type(key);
      if (type != GgufValue.Type.ARRAY) {
        return elements(key, type, false, 1);
      }
      GgufValue.Type element = type(key);
      if (element == GgufValue.Type.ARRAY) {
        throw wrong("has an array of arrays as %s, which no known file has".formatted(key));
      }
      long count = readLong("the length of " + key);
      int least = element == GgufValue.Type.STRING ? Long.BYTES : element.bytes();
      if (count < 0 || count > (length - position) / least) {
        throw wrong(
            "cannot have %s elements of %s in %d bytes"
                .formatted(Long.toUnsignedString(count), key, length - position));
      }
      return elements(key, element, true, count);
    }

    private GgufValue.Type type(String key) throws IOException {
      int number = readInt("the type of " + key);
      return GgufValue.Type.of(number)
          .orElseThrow(
              () ->
                  wrong(
                      "has the unknown type %s as that of %s"
                          .formatted(Integer.toUnsignedString(number), key)));
    }

    private GgufValue elements(String key, GgufValue.Type type, boolean array, long count)
        throws IOException {
      if (type != GgufValue.Type.STRING) {
        byte[] bytes = readBytes(key, count * type.bytes());
        if (type == GgufValue.Type.BOOL) {
          for (byte each : bytes) {
            if (each != 0 && each != 1) {
              throw wrong("must have 0 or 1 as each boolean of %s, got %d".formatted(key, each));
            }
          }
        }
        return new GgufValue(type, array, count, bytes);
      }
      Texts texts = new Texts();
      for (long i = 0; i < count; i++) {
        long size = readLong(key);
        texts.add(size, readBytes(key, size));
      }
      return new GgufValue(type, array, count, texts.bytes());
    }

    private GgufTensor entry() throws IOException {
      String name = name("a tensor's name", Gguf.LONGEST_NAME);
      int rank = readInt("the dimensions of " + name);
      if (rank < 0 || rank > MOST_DIMENSIONS) {
        throw wrong(
            "must have at most %d dimensions for the tensor %s, got %s"
                .formatted(MOST_DIMENSIONS, name, Integer.toUnsignedString(rank)));
      }
      int[] shape = new int[rank];
      long elements = 1;
      for (int i = rank - 1; i >= 0; i--) { // innermost first
        long dim = readLong("the dimensions of " + name);
        if (dim < 1 || dim > Integer.MAX_VALUE || elements > Long.MAX_VALUE / 8 / dim) {
          throw wrong(
              "has the impossible dimension %s of the tensor %s"
                  .formatted(Long.toUnsignedString(dim), name));
        }
        shape[i] = (int) dim;
        elements *= dim;
      }
      int number = readInt("the type of " + name);
      GgmlType type =
          GgmlType.of(number)
              .orElseThrow(
                  () ->
                      wrong(
                          "has the unknown type %s as that of the tensor %s"
                              .formatted(Integer.toUnsignedString(number), name)));
      if ((rank == 0 ? 1 : shape[rank - 1]) % type.blockElements() != 0) {
        throw wrong(
            "must have rows of whole blocks of %d elements for the tensor %s of type %s, got rows of %d"
                .formatted(type.blockElements(), name, type, rank == 0 ? 1 : shape[rank - 1]));
      }
      if (elements / type.blockElements() > length / type.blockBytes()) {
        throw wrong(
            "is truncated: its tensor %s has %d elements, the file %d bytes"
                .formatted(name, elements, length));
      }
      return new GgufTensor(name, type, Shape.of(shape), readLong("the offset of " + name));
    }

    private String name(String what, int longest) throws IOException {
      long size = readLong(what);
      if (size < 1 || size > longest) {
        throw wrong(
            "must have 1 to %d bytes for %s, got %s"
                .formatted(longest, what, Long.toUnsignedString(size)));
      }
      byte[] bytes = readBytes(what, size);
      for (byte each : bytes) {
        if (each < ' ' || each == 0x7F) {
          throw wrong(
              String.format(
                  Locale.ROOT,
                  "must have printable ASCII for %s, got the byte 0x%02X",
                  what,
                  each & 0xFF));
        }
      }
      return new String(bytes, StandardCharsets.US_ASCII);
    }

    private int readInt(String what) throws IOException {
      fill(what, word.array(), Integer.BYTES);
      return word.getInt(0);
    }

    private long readLong(String what) throws IOException {
      fill(what, word.array(), Long.BYTES);
      return word.getLong(0);
    }

    private byte[] readBytes(String what, long size) throws IOException {
      if (size < 0 || size > length - position) {
        throw wrong(
            "is truncated in %s: that takes %s bytes, the file has %d more"
                .formatted(what, Long.toUnsignedString(size), length - position));
      }
      requireSmallHeader(size);
      byte[] bytes = new byte[(int) size];
      fill(what, bytes, bytes.length);
      return bytes;
    }

    private void requireSmallHeader(long more) {
      if (position + more > Gguf.MAX_HEADER_BYTES) {
        throw wrong("must have a header of at most %d bytes".formatted(Gguf.MAX_HEADER_BYTES));
      }
    }

    private void fill(String what, byte[] into, int size) throws IOException {
      requireSmallHeader(size);
      if (size > length - position) {
        throw wrong("is truncated in %s, at byte %d".formatted(what, length));
      }
      for (int done = 0; done < size; ) {
        if (taken == buffered) {
          buffered = (int) Math.min(buffer.length, length - position);
          taken = 0;
          in.readFully(buffer, 0, buffered);
        }
        int now = Math.min(size - done, buffered - taken);
        System.arraycopy(buffer, taken, into, done, now);
        taken += now;
        done += now;
        position += now;
      }
    }

    private UserException wrong(String what) {
      return UserException.failure("%s is not a valid GGUF file: it %s".formatted(path, what));
    }
  }

  /** Texts with their lengths, as in a file. */
  private static final class Texts {
    private final ByteArrayOutputStream out = new ByteArrayOutputStream();
    private final ByteBuffer size = ByteBuffer.allocate(Long.BYTES).order(ByteOrder.LITTLE_ENDIAN);

    void add(long length, byte[] bytes) {
      out.writeBytes(size.putLong(0, length).array());
      out.writeBytes(bytes);
    }

    byte[] bytes() {
      return out.toByteArray();
    }
  }
}
