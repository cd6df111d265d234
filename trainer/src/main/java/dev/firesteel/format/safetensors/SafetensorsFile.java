package dev.firesteel.format.safetensors;

import com.fasterxml.jackson.core.JsonParser;
import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.core.JsonToken;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.MissingNode;
import com.fasterxml.jackson.databind.node.NullNode;
import dev.firesteel.error.UserException;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import org.apache.hadoop.fs.FileSystem;
import org.apache.hadoop.fs.Path;

/**
 * A safetensors file open for reading; its header has been checked against all rules of the format.
 * Elements are read a range at a time, so a small buffer is enough for files of any size. A file on
 * the local disk is mapped into memory, so that its bytes are not copied ({@link ElementBytes}).
 * Not thread-safe.
 *
 * <p>Every violation of the format is a {@link UserException} that names the file.
 */
public final class SafetensorsFile implements AutoCloseable {
  private final Path path;
  private final ElementBytes bytes;
  private final long dataStart;
  private final Map<String, TensorInfo> tensors;
  private final Map<String, String> metadata;

  private SafetensorsFile(
      Path path,
      ElementBytes bytes,
      long dataStart,
      Map<String, TensorInfo> tensors,
      Map<String, String> metadata) {
    this.path = path;
    this.bytes = bytes;
    this.dataStart = dataStart;
    this.tensors = tensors;
    this.metadata = metadata;
  }

  /** Opens a file and checks its header against its length. */
  public static SafetensorsFile open(FileSystem fs, Path path) throws IOException {
    long length = fs.getFileStatus(path).getLen();
    ElementBytes bytes = ElementBytes.of(fs, path, length);
    try {
      return new Header(path, bytes, length).read();
    } catch (IOException | RuntimeException e) {
      bytes.close();
      throw e;
    }
  }

  /** The entries in the order of their data. */
  public Map<String, TensorInfo> tensors() {
    return tensors;
  }

  /** The header's {@code __metadata__}; empty if there is none. */
  public Map<String, String> metadata() {
    return metadata;
  }

  /**
   * Whether {@link #read} can read a tensor: its type is {@code F32}, {@code BF16} or {@code F16}.
   */
  public static boolean isFloat(TensorInfo info) {
    return Safetensors.FLOATS.contains(info.dtype());
  }

  /**
   * The entry of a tensor that {@link #read} can read.
   *
   * @throws UserException if the file has no such tensor, or its element type is not one of {@link
   *     Safetensors#FLOATS}
   */
  public TensorInfo requireFloats(String name) {
    TensorInfo info = tensors.get(name);
    if (info == null) {
      throw UserException.failure("%s must hold the tensor %s, and does not".formatted(path, name));
    }
    if (!isFloat(info)) {
      throw UserException.failure(
          "tensor %s of %s must have the element type F32, BF16 or F16, got %s: convert it to one of them"
              .formatted(name, path, info.dtype()));
    }
    return info;
  }

  /**
   * Copies elements {@code [from, from + count)} of a tensor of type {@code F32}, {@code BF16} or
   * {@code F16} to the start of {@code into}, each with its exact value.
   *
   * @throws UserException if the file has no such tensor, or it has another element type
   */
  public void read(String name, long from, float[] into, int count) throws IOException {
    TensorInfo info = requireFloats(name);
    Objects.checkFromIndexSize(from, (long) count, info.shape().size());
    int width = Safetensors.DTYPE_BYTES.get(info.dtype());
    long start = dataStart + info.begin() + from * width;
    for (int done = 0; done < count; ) {
      int part = Math.min(count - done, Safetensors.BUFFER_ELEMENTS);
      decode(bytes.read(start + (long) done * width, part * width), info.dtype(), into, done, part);
      done += part;
    }
  }

  private static void decode(ByteBuffer buffer, String dtype, float[] into, int first, int count) {
    switch (dtype) {
      case "F32" -> buffer.asFloatBuffer().get(into, first, count);
      case "BF16" -> {
        for (int i = 0; i < count; i++) {
          into[first + i] = Safetensors.fromBfloat(buffer.getShort());
        }
      }
      case "F16" -> {
        for (int i = 0; i < count; i++) {
          into[first + i] = Safetensors.fromHalf(buffer.getShort());
        }
      }
      default -> throw new IllegalArgumentException(dtype + " is not read as floats");
    }
  }

  @Override
  public void close() throws IOException {
    bytes.close();
  }

  @Override
  public String toString() {
    return path.toString();
  }

  /** Reads and checks the header. */
  private static final class Header {
    /** Metadata of a model may hold its training's settings; a tensor's entry is far smaller. */
    private static final int LARGEST_ENTRY = 1 << 24;

    private final Path path;
    private final ElementBytes bytes;
    private final long length;

    Header(Path path, ElementBytes bytes, long length) {
      this.path = path;
      this.bytes = bytes;
      this.length = length;
    }

    SafetensorsFile read() throws IOException {
      if (length < Long.BYTES) {
        throw wrong(
            "must begin with a header length of 8 bytes, got a file of %d".formatted(length));
      }
      long headerBytes = bytes.read(0, Long.BYTES).getLong();
      if (headerBytes < 0 || headerBytes > Safetensors.MAX_HEADER_BYTES) {
        throw wrong(
            "must have a header of at most %d bytes, got %s"
                .formatted(Safetensors.MAX_HEADER_BYTES, Long.toUnsignedString(headerBytes)));
      }
      long dataStart = Long.BYTES + headerBytes;
      if (dataStart > length) {
        throw wrong(
            "is truncated: its header ends at byte %d, the file at byte %d"
                .formatted(dataStart, length));
      }
      byte[] json = new byte[(int) headerBytes];
      for (int done = 0; done < json.length; ) {
        int part = Math.min(json.length - done, ElementBytes.LARGEST_READ);
        bytes.read(Long.BYTES + done, part).get(json, done, part);
        done += part;
      }
      if (json.length == 0 || json[0] != '{') {
        throw wrong("must have a header that begins with '{'");
      }
      if (json.length > 1 && json[1] == 0) {
        throw wrong("must have a header in UTF-8");
      }
      Map<String, String> metadata = Map.of();
      List<TensorInfo> infos = new ArrayList<>();
      try (JsonParser parser = Safetensors.JSON.createParser(json)) {
        parser.nextToken();
        while (parser.nextToken() == JsonToken.FIELD_NAME) {
          String name = parser.currentName();
          JsonNode entry = entry(parser, name, json);
          if (name.equals(Safetensors.METADATA)) {
            metadata = metadata(entry);
          } else {
            infos.add(info(name, entry));
          }
        }
        if (parser.nextToken() != null) {
          throw wrong("has more than one object in its header");
        }
      } catch (JsonProcessingException e) {
        throw UserException.failure(
            "%s is not a valid safetensors file: its header is not valid JSON (%s)"
                .formatted(path, e.getOriginalMessage().lines().findFirst().orElse("")),
            e);
      }
      infos.sort(Comparator.comparingLong(TensorInfo::begin).thenComparing(TensorInfo::end));
      checkCover(infos, length - dataStart);
      Map<String, TensorInfo> tensors = new LinkedHashMap<>();
      infos.forEach(info -> tensors.put(info.name(), info));
      return new SafetensorsFile(path, bytes, dataStart, tensors, metadata);
    }

    /**
     * The next value. A tree of it takes many times its text, so that only one is in memory at a
     * time, and a large one never.
     */
    private JsonNode entry(JsonParser parser, String name, byte[] json) throws IOException {
      JsonToken first = parser.nextToken();
      if (!first.isStructStart()) {
        return first == JsonToken.VALUE_NULL ? NullNode.getInstance() : MissingNode.getInstance();
      }
      int from = (int) parser.currentTokenLocation().getByteOffset();
      parser.skipChildren();
      int length = (int) parser.currentLocation().getByteOffset() - from;
      if (length > LARGEST_ENTRY) {
        throw wrong(
            "must have at most %d bytes for an entry of its header, got %d for %s"
                .formatted(LARGEST_ENTRY, length, name));
      }
      return Safetensors.JSON.readTree(json, from, length);
    }

    private Map<String, String> metadata(JsonNode node) {
      Map<String, String> metadata = new LinkedHashMap<>();
      if (node != null && !node.isNull()) {
        if (!node.isObject()) {
          throw wrong("must have an object as its %s".formatted(Safetensors.METADATA));
        }
        for (Map.Entry<String, JsonNode> entry : node.properties()) {
          if (!entry.getValue().isTextual()) {
            throw wrong(
                "must have only texts in its %s, got another value for %s"
                    .formatted(Safetensors.METADATA, entry.getKey()));
          }
          metadata.put(entry.getKey(), entry.getValue().asText());
        }
      }
      return metadata;
    }

    private TensorInfo info(String name, JsonNode node) {
      String dtype = node.path("dtype").asText("");
      Integer width = Safetensors.DTYPE_BYTES.get(dtype);
      if (width == null) {
        throw wrong("has the tensor %s of the unknown element type \"%s\"".formatted(name, dtype));
      }
      long[] dims = numbers(name, node, "shape");
      long elements = Safetensors.elements(dims);
      if (elements < 0) {
        throw wrong(
            "has the tensor %s of the impossible shape %s".formatted(name, node.get("shape")));
      }
      long[] offsets = numbers(name, node, "data_offsets");
      if (offsets.length != 2 || offsets[0] < 0 || offsets[1] < offsets[0]) {
        throw wrong(
            "must have data_offsets [begin, end] for the tensor %s, got %s"
                .formatted(name, node.get("data_offsets")));
      }
      if ((offsets[1] - offsets[0]) / width != elements || (offsets[1] - offsets[0]) % width != 0) {
        throw wrong(
            "has the tensor %s of shape %s and element type %s in %d bytes, which do not fit"
                .formatted(name, node.get("shape"), dtype, offsets[1] - offsets[0]));
      }
      return new TensorInfo(name, dtype, Safetensors.shape(dims), offsets[0], offsets[1]);
    }

    private long[] numbers(String name, JsonNode node, String key) {
      JsonNode list = node.path(key);
      if (!list.isArray()) {
        throw wrong("must have a list as %s of the tensor %s".formatted(key, name));
      }
      long[] numbers = new long[list.size()];
      for (int i = 0; i < numbers.length; i++) {
        if (!list.get(i).isIntegralNumber() || !list.get(i).canConvertToLong()) {
          throw wrong(
              "must have integers as %s of the tensor %s, got %s".formatted(key, name, list));
        }
        numbers[i] = list.get(i).asLong();
      }
      return numbers;
    }

    /** The tensors must cover the data from its first byte to its last, each byte once. */
    private void checkCover(List<TensorInfo> infos, long dataBytes) {
      long covered = 0;
      String before = "";
      for (TensorInfo info : infos) {
        if (info.begin() < covered) {
          throw wrong("has the overlapping tensors %s and %s".formatted(before, info.name()));
        }
        if (info.begin() > covered) {
          throw wrong(
              "has a hole of %d bytes before the tensor %s"
                  .formatted(info.begin() - covered, info.name()));
        }
        covered = info.end();
        before = info.name();
      }
      if (covered > dataBytes) {
        throw wrong(
            "is truncated: its tensors take %d bytes, it has %d for them"
                .formatted(covered, dataBytes));
      }
      if (covered < dataBytes) {
        throw wrong("has %d bytes after its last tensor".formatted(dataBytes - covered));
      }
    }

    private UserException wrong(String what) {
      return UserException.failure(
          "%s is not a valid safetensors file: it %s".formatted(path, what));
    }
  }
}
