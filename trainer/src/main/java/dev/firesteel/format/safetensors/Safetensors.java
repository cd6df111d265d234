package dev.firesteel.format.safetensors;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.core.StreamReadFeature;
import com.fasterxml.jackson.databind.DeserializationFeature;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.json.JsonMapper;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.firesteel.array.Shape;
import dev.firesteel.error.UserException;
import java.io.IOException;
import java.io.OutputStream;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.Comparator;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;

/**
 * The safetensors format: a length (u64, little-endian), a JSON header of that many bytes, and the
 * tensors' elements, little-endian and row-major, contiguous without gaps. Source: {@code
 * README.md} and {@code safetensors/src/tensor.rs} of huggingface/safetensors. This class writes;
 * {@link SafetensorsFile} reads.
 */
public final class Safetensors {
  /** The format's limit for the header, enforced by its reference implementation. */
  static final long MAX_HEADER_BYTES = 100_000_000;

  /** The header is padded with spaces, so that the data after it is aligned. */
  static final int HEADER_ALIGNMENT = 8;

  static final String METADATA = "__metadata__";

  /** What {@code transformers} requires to load a file: row-major weights in PyTorch's order. */
  public static final Map<String, String> PYTORCH_METADATA = Map.of("format", "pt");

  /** Bytes per element by the format's name of the type. */
  static final Map<String, Integer> DTYPE_BYTES =
      Map.ofEntries(
          Map.entry("BOOL", 1),
          Map.entry("U8", 1),
          Map.entry("I8", 1),
          Map.entry("F8_E5M2", 1),
          Map.entry("F8_E4M3", 1),
          Map.entry("F8_E4M3FNUZ", 1),
          Map.entry("F8_E5M2FNUZ", 1),
          Map.entry("F8_E8M0", 1),
          Map.entry("I16", 2),
          Map.entry("U16", 2),
          Map.entry("F16", 2),
          Map.entry("BF16", 2),
          Map.entry("I32", 4),
          Map.entry("U32", 4),
          Map.entry("F32", 4),
          Map.entry("F64", 8),
          Map.entry("I64", 8),
          Map.entry("U64", 8),
          Map.entry("C64", 8));

  /** Types that are read as float32, which can represent all of their values. */
  static final Set<String> FLOATS = Set.of("F32", "BF16", "F16");

  public static final ObjectMapper JSON =
      JsonMapper.builder()
          .enable(StreamReadFeature.STRICT_DUPLICATE_DETECTION)
          .enable(DeserializationFeature.FAIL_ON_TRAILING_TOKENS)
          .build();

  public static final int BUFFER_ELEMENTS = 1 << 16;

  private Safetensors() {}

  /** As below, as {@code F32}: bit for bit. */
  public static void write(
      List<? extends TensorSource> tensors, Map<String, String> metadata, OutputStream out)
      throws IOException {
    write(tensors, FloatType.F32, metadata, out);
  }

  /**
   * Writes tensors in the order of their names, all as one type: each element as the nearest value
   * of that type, of two equally near ones as that with an even last bit. The stream is left open.
   *
   * @throws UserException naming the tensor and the value, if a finite value is too large for the
   *     type: it would become an infinity. What was written until then is not a valid file.
   */
  public static void write(
      List<? extends TensorSource> tensors,
      FloatType dtype,
      Map<String, String> metadata,
      OutputStream out)
      throws IOException {
    List<? extends TensorSource> ordered =
        tensors.stream().sorted(Comparator.comparing(TensorSource::name)).toList();
    byte[] header = header(ordered, dtype, metadata);
    out.write(
        ByteBuffer.allocate(Long.BYTES)
            .order(ByteOrder.LITTLE_ENDIAN)
            .putLong(header.length)
            .array());
    out.write(header);
    float[] elements = new float[BUFFER_ELEMENTS];
    ByteBuffer bytes =
        ByteBuffer.allocate(BUFFER_ELEMENTS * dtype.bytes()).order(ByteOrder.LITTLE_ENDIAN);
    for (TensorSource tensor : ordered) {
      long size = tensor.shape().size();
      for (long from = 0; from < size; from += BUFFER_ELEMENTS) {
        int count = (int) Math.min(BUFFER_ELEMENTS, size - from);
        tensor.read(from, elements, count);
        encode(tensor, from, elements, count, dtype, bytes);
        out.write(bytes.array(), 0, count * dtype.bytes());
      }
    }
  }

  private static void encode(
      TensorSource tensor,
      long from,
      float[] elements,
      int count,
      FloatType dtype,
      ByteBuffer bytes) {
    bytes.clear();
    if (dtype == FloatType.F32) {
      bytes.asFloatBuffer().put(elements, 0, count);
      return;
    }
    for (int i = 0; i < count; i++) {
      if (!dtype.holds(elements[i])) {
        throw UserException.failure(
            "tensor %s can be written as %s only if its values are within +-%s, got %s at element %d: write F32, or BF16 if it is not that already"
                .formatted(tensor.name(), dtype, dtype.largest(), elements[i], from + i));
      }
      bytes.putShort(
          dtype == FloatType.BF16
              ? FloatType.toBfloat(elements[i])
              : FloatType.toHalf(elements[i]));
    }
  }

  /** Bytes of a tensor's elements in a file. */
  public static long bytes(TensorSource tensor, FloatType dtype) {
    return Math.multiplyExact(tensor.shape().size(), dtype.bytes());
  }

  private static byte[] header(
      List<? extends TensorSource> tensors, FloatType dtype, Map<String, String> metadata) {
    ObjectNode root = JSON.createObjectNode();
    if (!metadata.isEmpty()) {
      ObjectNode map = root.putObject(METADATA);
      metadata.entrySet().stream()
          .sorted(Map.Entry.comparingByKey())
          .forEach(entry -> map.put(entry.getKey(), entry.getValue()));
    }
    Set<String> names = new HashSet<>();
    long begin = 0;
    for (TensorSource tensor : tensors) {
      if (!names.add(tensor.name()) || tensor.name().equals(METADATA)) {
        throw new IllegalArgumentException(
            "safetensors: names must differ from one another and from "
                + METADATA
                + ", got "
                + tensor.name());
      }
      long end = Math.addExact(begin, bytes(tensor, dtype));
      ObjectNode entry = root.putObject(tensor.name());
      entry.put("dtype", dtype.name());
      ArrayNode shape = entry.putArray("shape");
      for (int dim : tensor.shape().toArray()) {
        shape.add(dim);
      }
      entry.putArray("data_offsets").add(begin).add(end);
      begin = end;
    }
    byte[] json;
    try {
      json = JSON.writeValueAsString(root).getBytes(StandardCharsets.UTF_8);
    } catch (JsonProcessingException e) {
      throw new AssertionError("a tree of plain values can be written", e);
    }
    int padded = (json.length + HEADER_ALIGNMENT - 1) / HEADER_ALIGNMENT * HEADER_ALIGNMENT;
    if (padded > MAX_HEADER_BYTES) {
      throw new IllegalArgumentException(
          "safetensors: a header must have at most "
              + MAX_HEADER_BYTES
              + " bytes, got "
              + padded
              + ": write several files");
    }
    byte[] header = new byte[padded];
    Arrays.fill(header, (byte) ' ');
    System.arraycopy(json, 0, header, 0, json.length);
    return header;
  }

  /** The value of an IEEE 754 binary16; a NaN keeps its payload. */
  public static float fromHalf(short half) {
    int sign = (half & 0x8000) << 16;
    int exponent = half >> 10 & 0x1f;
    int fraction = half & 0x3ff;
    if (exponent == 0) { // zeros and subnormals, which are normal floats
      return Float.intBitsToFloat(sign | Float.floatToRawIntBits(fraction * 0x1p-24f));
    }
    int wider = exponent == 0x1f ? 0xff : exponent - 15 + 127;
    return Float.intBitsToFloat(sign | wider << 23 | fraction << 13);
  }

  /** The value of a bfloat16: the upper half of a float. */
  public static float fromBfloat(short bfloat) {
    return Float.intBitsToFloat(bfloat << 16);
  }

  /** The number of elements of a shape, or -1 if no array can have that shape. */
  static long elements(long[] dims) {
    long product = 1;
    try {
      for (long dim : dims) {
        if (dim < 0 || dim > Integer.MAX_VALUE) {
          return -1;
        }
        product = Math.multiplyExact(product, dim);
      }
    } catch (ArithmeticException e) {
      return -1;
    }
    return product;
  }

  static Shape shape(long[] dims) {
    int[] extents = new int[dims.length];
    for (int i = 0; i < dims.length; i++) {
      extents[i] = Math.toIntExact(dims[i]);
    }
    return Shape.of(extents);
  }
}
