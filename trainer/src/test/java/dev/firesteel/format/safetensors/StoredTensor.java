package dev.firesteel.format.safetensors;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.HashMap;
import java.util.Map;
import java.util.stream.Collectors;

/** A tensor of any element type as bytes of a safetensors file, for tests. */
public final class StoredTensor {
  /** The bits of each value that is a binary16, by the format's definition. */
  private static final Map<Float, Short> HALVES = new HashMap<>();

  static {
    for (int bits = 0; bits < 1 << 16; bits++) {
      HALVES.put(halfValue(bits), (short) bits);
    }
  }

  private final String dtype;
  private final int[] shape;
  private final float[] values;

  private StoredTensor(String dtype, int[] shape, float... values) {
    this.dtype = dtype;
    this.shape = shape;
    this.values = values;
  }

  public static StoredTensor of(String dtype, float[] values, int... shape) {
    return new StoredTensor(dtype, shape, values);
  }

  /** All elements the same. */
  public static StoredTensor ofValues(String dtype, float value, int... shape) {
    float[] values = new float[Arrays.stream(shape).reduce(1, Math::multiplyExact)];
    Arrays.fill(values, value);
    return new StoredTensor(dtype, shape, values);
  }

  public static StoredTensor zeros(String dtype, int... shape) {
    return ofValues(dtype, 0, shape);
  }

  /** The same values in another type. */
  public StoredTensor as(String other) {
    return new StoredTensor(other, shape, values);
  }

  /**
   * (-1)^sign 2^(exponent - 15) (1 + fraction / 1024); below the smallest exponent without the 1.
   */
  static float halfValue(int bits) {
    int exponent = bits >> 10 & 31;
    double fraction = (bits & 1023) / 1024.0;
    double magnitude =
        switch (exponent) {
          case 0 -> Math.pow(2, -14) * fraction;
          case 31 -> fraction == 0 ? Double.POSITIVE_INFINITY : Double.NaN;
          default -> Math.pow(2, exponent - 15) * (1 + fraction);
        };
    return (float) (bits >> 15 == 0 ? magnitude : -magnitude);
  }

  private byte[] bytes() {
    int size = Safetensors.DTYPE_BYTES.get(dtype);
    ByteBuffer bytes = ByteBuffer.allocate(values.length * size).order(ByteOrder.LITTLE_ENDIAN);
    for (float value : values) {
      switch (dtype) {
        case "F32" -> bytes.putFloat(value);
        case "BF16" -> bytes.putShort((short) (Float.floatToRawIntBits(value) >>> 16));
        case "F16" -> bytes.putShort(HALVES.get(value));
        default -> bytes.put(new byte[size]);
      }
    }
    return bytes.array();
  }

  /** Writes a file as {@code safetensors} does: the data in another order than the header. */
  public static void write(Path file, Map<String, StoredTensor> tensors) throws IOException {
    Map<String, byte[]> data = new HashMap<>();
    tensors.forEach((name, tensor) -> data.put(name, tensor.bytes()));
    Map<String, String> entries = new HashMap<>();
    ByteBuffer body =
        ByteBuffer.allocate(data.values().stream().mapToInt(bytes -> bytes.length).sum());
    for (Map.Entry<String, StoredTensor> entry : tensors.entrySet()) {
      int begin = body.position();
      body.put(data.get(entry.getKey()));
      entries.put(
          entry.getKey(),
          "\"%s\":{\"dtype\":\"%s\",\"shape\":%s,\"data_offsets\":[%d,%d]}"
              .formatted(
                  entry.getKey(),
                  entry.getValue().dtype,
                  Arrays.toString(entry.getValue().shape),
                  begin,
                  body.position()));
    }
    byte[] header =
        entries.values().stream()
            .collect(Collectors.joining(",", "{", "}"))
            .getBytes(StandardCharsets.UTF_8);
    Files.write(
        file,
        ByteBuffer.allocate(Long.BYTES + header.length + body.capacity())
            .order(ByteOrder.LITTLE_ENDIAN)
            .putLong(header.length)
            .put(header)
            .put(body.array())
            .array());
  }

  @Override
  public String toString() {
    return dtype + Arrays.toString(shape);
  }
}
