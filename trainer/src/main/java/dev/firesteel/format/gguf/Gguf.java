package dev.firesteel.format.gguf;

import dev.firesteel.error.UserException;
import dev.firesteel.format.safetensors.FloatType;
import dev.firesteel.format.safetensors.Safetensors;
import dev.firesteel.format.safetensors.TensorSource;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.OutputStream;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.function.Function;

/**
 * The GGUF format, version 3: the letters {@code GGUF}, the version, the numbers of tensors and of
 * metadata keys, the metadata, the table of tensors, and their data, each at a multiple of an
 * alignment. Everything is little-endian. Source: {@code docs/gguf.md} of ggml-org/ggml. This class
 * writes; {@link GgufFile} reads.
 */
public final class Gguf {
  static final int MAGIC = 0x46554747;
  static final int VERSION = 3;
  static final String ALIGNMENT = "general.alignment";
  static final int DEFAULT_ALIGNMENT = 32;

  /** The longest metadata key, in bytes. */
  static final int LONGEST_KEY = 65535;

  /** The longest name of a tensor, in bytes. */
  static final int LONGEST_NAME = 64;

  /**
   * Larger headers are not read. Those of published models, whose vocabularies are the most of it,
   * have at most some 20 MB.
   */
  static final long MAX_HEADER_BYTES = 100_000_000;

  private Gguf() {}

  /** The next multiple of an alignment. */
  static long align(long position, long alignment) {
    return (position + alignment - 1) / alignment * alignment;
  }

  /**
   * Writes a file: of each tensor one buffer at a time. The stream is left open.
   *
   * @param types the element type of each tensor; its rows must be whole blocks of that type
   * @throws UserException naming the tensor and the value, if a value is too large for the type, or
   *     not finite and the type is one of blocks
   */
  public static void write(
      Map<String, GgufValue> metadata,
      List<? extends TensorSource> tensors,
      Function<TensorSource, GgmlType> types,
      OutputStream out)
      throws IOException {
    byte[] header = header(metadata, tensors, types);
    out.write(header);
    pad(header.length, out);
    float[] elements = new float[Safetensors.BUFFER_ELEMENTS];
    ByteBuffer bytes =
        ByteBuffer.allocate(elements.length * Float.BYTES).order(ByteOrder.LITTLE_ENDIAN);
    for (TensorSource tensor : tensors) {
      GgmlType type = types.apply(tensor);
      long size = tensor.shape().size();
      for (long from = 0; from < size; from += elements.length) {
        int count = (int) Math.min(elements.length, size - from);
        tensor.read(from, elements, count);
        requireWithin(tensor, type, from, elements, count);
        GgmlBlocks.encode(type, elements, count, bytes.clear());
        out.write(bytes.array(), 0, bytes.position());
      }
      pad(type.bytes(size), out);
    }
  }

  private static void pad(long position, OutputStream out) throws IOException {
    out.write(new byte[(int) (align(position, DEFAULT_ALIGNMENT) - position)]);
  }

  private static void requireWithin(
      TensorSource tensor, GgmlType type, long from, float[] values, int count) {
    for (int i = 0; i < count; i++) {
      boolean holds =
          switch (type) {
            case F16 -> FloatType.F16.holds(values[i]);
            case BF16 -> FloatType.BF16.holds(values[i]);
            // The scale of a block is a binary16.
            case Q8_0 -> Math.abs(values[i]) <= 127 * FloatType.F16.largest();
            case Q4_0 -> Math.abs(values[i]) <= 8 * FloatType.F16.largest();
            case Q5_0, Q4_K, Q6_K -> Math.abs(values[i]) <= 16 * FloatType.F16.largest();
            default -> true;
          };
      if (!holds) {
        throw UserException.failure(
            "tensor %s cannot be written as %s, got %s at element %d: write f32"
                .formatted(tensor.name(), type, values[i], from + i));
      }
    }
  }

  private static byte[] header(
      Map<String, GgufValue> metadata,
      List<? extends TensorSource> tensors,
      Function<TensorSource, GgmlType> types) {
    Bytes bytes = new Bytes();
    bytes
        .number(MAGIC)
        .number(VERSION)
        .number((long) tensors.size())
        .number((long) metadata.size());
    metadata.forEach(
        (key, value) -> {
          bytes.text(key);
          if (value.isArray()) {
            bytes.number(GgufValue.Type.ARRAY.id()).number(value.type().id()).number(value.count());
          } else {
            bytes.number(value.type().id());
          }
          bytes.all(value.bytes());
        });
    Set<String> names = new HashSet<>();
    long begin = 0;
    for (TensorSource tensor : tensors) {
      GgmlType type = types.apply(tensor);
      int[] shape = tensor.shape().toArray();
      if (!names.add(tensor.name())
          || tensor.name().length() > LONGEST_NAME
          || shape[shape.length - 1] % type.blockElements() != 0) {
        throw new IllegalArgumentException(
            "gguf: %s %s cannot be written as %s".formatted(tensor.name(), tensor.shape(), type));
      }
      bytes.text(tensor.name()).number(shape.length);
      for (int i = shape.length - 1; i >= 0; i--) {
        bytes.number((long) shape[i]);
      }
      bytes.number(type.id()).number(begin);
      begin = align(Math.addExact(begin, type.bytes(tensor.shape().size())), DEFAULT_ALIGNMENT);
    }
    return bytes.toArray();
  }

  /** Little-endian numbers and texts. */
  private static final class Bytes {
    private final ByteArrayOutputStream out = new ByteArrayOutputStream();
    private final ByteBuffer word = ByteBuffer.allocate(8).order(ByteOrder.LITTLE_ENDIAN);

    Bytes number(int value) {
      out.write(word.putInt(0, value).array(), 0, Integer.BYTES);
      return this;
    }

    Bytes number(long value) {
      out.write(word.putLong(0, value).array(), 0, Long.BYTES);
      return this;
    }

    Bytes text(String text) {
      byte[] utf8 = text.getBytes(StandardCharsets.UTF_8);
      return number((long) utf8.length).all(utf8);
    }

    Bytes all(byte[] more) {
      out.writeBytes(more);
      return this;
    }

    byte[] toArray() {
      return out.toByteArray();
    }
  }
}
