package dev.firesteel.format.gguf;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import java.util.stream.Stream;

/**
 * A value of a GGUF file's metadata: a number, a boolean, a text, or an array of one of these. It
 * is kept in the bytes that it has in a file, so that a file cannot make it take more memory than
 * the file has bytes.
 */
public final class GgufValue {
  /** Types of values. */
  public enum Type {
    UINT8(0, 1),
    INT8(1, 1),
    UINT16(2, 2),
    INT16(3, 2),
    UINT32(4, 4),
    INT32(5, 4),
    FLOAT32(6, 4),
    BOOL(7, 1),
    STRING(8, 0),
    ARRAY(9, 0),
    UINT64(10, 8),
    INT64(11, 8),
    FLOAT64(12, 8);

    private final int id;
    private final int bytes;

    Type(int id, int bytes) {
      this.id = id;
      this.bytes = bytes;
    }

    /** The type with a number of the format; empty if there is none. */
    static Optional<Type> of(int id) {
      return Stream.of(values()).filter(type -> type.id == id).findFirst();
    }

    /** The number that files have for the type. */
    int id() {
      return id;
    }

    /** Bytes of one value, 0 if they vary. */
    int bytes() {
      return bytes;
    }
  }

  private static final int SHOWN_ELEMENTS = 6;

  private final Type type;
  private final boolean array;
  private final long count;
  private final byte[] bytes;

  /**
   * A value that was read.
   *
   * @param type of the value, or of an array's elements
   * @param count of elements; 1 if it is no array
   * @param bytes of the elements as in a file; kept, not copied
   */
  GgufValue(Type type, boolean array, long count, byte[] bytes) {
    this.type = type;
    this.array = array;
    this.count = count;
    this.bytes = bytes;
  }

  /** An unsigned number of 32 bits. */
  public static GgufValue number(long value) {
    if (value < 0 || value > 0xFFFF_FFFFL) {
      throw new IllegalArgumentException("gguf: a number must have 32 bits, got " + value);
    }
    byte[] bytes = new byte[Integer.BYTES];
    little(bytes).putInt((int) value);
    return new GgufValue(Type.UINT32, false, 1, bytes);
  }

  /** A float. */
  public static GgufValue number(float value) {
    byte[] bytes = new byte[Float.BYTES];
    little(bytes).putFloat(value);
    return new GgufValue(Type.FLOAT32, false, 1, bytes);
  }

  /** A boolean. */
  public static GgufValue flag(boolean value) {
    return new GgufValue(Type.BOOL, false, 1, new byte[] {(byte) (value ? 1 : 0)});
  }

  /** A text. */
  public static GgufValue text(String value) {
    return texts(false, List.of(value));
  }

  /** An array of texts. */
  public static GgufValue texts(List<String> values) {
    return texts(true, values);
  }

  private static GgufValue texts(boolean array, List<String> values) {
    List<byte[]> encoded = new ArrayList<>(values.size());
    int size = 0;
    for (String value : values) {
      byte[] utf8 = value.getBytes(StandardCharsets.UTF_8);
      encoded.add(utf8);
      size = Math.addExact(size, Math.addExact(Long.BYTES, utf8.length));
    }
    byte[] bytes = new byte[size];
    ByteBuffer all = little(bytes);
    encoded.forEach(utf8 -> all.putLong(utf8.length).put(utf8));
    return new GgufValue(Type.STRING, array, values.size(), bytes);
  }

  /** An array of floats. */
  public static GgufValue numbers(float[] values) {
    byte[] bytes = new byte[Math.multiplyExact(values.length, Float.BYTES)];
    little(bytes).asFloatBuffer().put(values);
    return new GgufValue(Type.FLOAT32, true, values.length, bytes);
  }

  /** An array of integers of 32 bits. */
  public static GgufValue numbers(int[] values) {
    byte[] bytes = new byte[Math.multiplyExact(values.length, Integer.BYTES)];
    little(bytes).asIntBuffer().put(values);
    return new GgufValue(Type.INT32, true, values.length, bytes);
  }

  private static ByteBuffer little(byte... bytes) {
    return ByteBuffer.wrap(bytes).order(ByteOrder.LITTLE_ENDIAN);
  }

  /** The type of the value, or of an array's elements. */
  public Type type() {
    return type;
  }

  /** Whether this is an array. */
  public boolean isArray() {
    return array;
  }

  /** The number of elements of an array; 1 for any other value. */
  public long count() {
    return count;
  }

  /** Whether this is a text, or an array of texts. */
  public boolean isText() {
    return type == Type.STRING;
  }

  /** Whether this is an integer, or an array of integers, of at most 63 bits. */
  public boolean isInteger() {
    return switch (type) {
      case UINT8, INT8, UINT16, INT16, UINT32, INT32, INT64 -> true;
      case UINT64 -> array || element(0) >= 0;
      case FLOAT32, FLOAT64, BOOL, STRING, ARRAY -> false;
    };
  }

  /** The elements as they are in a file. */
  byte[] bytes() {
    return bytes;
  }

  private ByteBuffer buffer() {
    return little(bytes);
  }

  /** An integer or a boolean. */
  long element(int index) {
    ByteBuffer all = buffer();
    int at = index * type.bytes();
    return switch (type) {
      case UINT8, BOOL -> all.get(at) & 0xFF;
      case INT8 -> all.get(at);
      case UINT16 -> all.getShort(at) & 0xFFFF;
      case INT16 -> all.getShort(at);
      case UINT32 -> all.getInt(at) & 0xFFFF_FFFFL;
      case INT32 -> all.getInt(at);
      case UINT64, INT64 -> all.getLong(at);
      case FLOAT32, FLOAT64, STRING, ARRAY ->
          throw new IllegalArgumentException("gguf: " + this + " has no integers");
    };
  }

  /** A number as a double. */
  double decimal(int index) {
    return switch (type) {
      case FLOAT32 -> buffer().getFloat(index * type.bytes());
      case FLOAT64 -> buffer().getDouble(index * type.bytes());
      default -> element(index);
    };
  }

  /** The texts of an array, or the one text; bytes that are not UTF-8 become U+FFFD. */
  public List<String> texts() {
    if (type != Type.STRING) {
      throw new IllegalArgumentException("gguf: " + this + " has no texts");
    }
    List<String> texts = new ArrayList<>();
    ByteBuffer all = buffer();
    for (long i = 0; i < count; i++) {
      int length = Math.toIntExact(all.getLong());
      texts.add(new String(bytes, all.position(), length, StandardCharsets.UTF_8));
      all.position(all.position() + length);
    }
    return texts;
  }

  /** The value as people read it; of an array its first elements. */
  @Override
  public String toString() {
    int shown = (int) Math.min(count, SHOWN_ELEMENTS);
    List<String> elements = new ArrayList<>();
    ByteBuffer all = buffer();
    for (int i = 0; i < shown; i++) {
      switch (type) {
        case STRING -> {
          int length = Math.toIntExact(all.getLong());
          elements.add(new String(bytes, all.position(), length, StandardCharsets.UTF_8));
          all.position(all.position() + length);
        }
        case FLOAT32, FLOAT64 -> elements.add(String.valueOf(decimal(i)));
        case BOOL -> elements.add(String.valueOf(element(i) != 0));
        case UINT64 -> elements.add(Long.toUnsignedString(element(i)));
        default -> elements.add(String.valueOf(element(i)));
      }
    }
    return array
        ? "%s[%d] %s%s"
            .formatted(
                type.name().toLowerCase(Locale.ROOT),
                count,
                String.join(", ", elements),
                shown < count ? ", ..." : "")
        : elements.get(0);
  }
}
