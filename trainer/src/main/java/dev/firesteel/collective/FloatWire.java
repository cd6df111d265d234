package dev.firesteel.collective;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.FloatBuffer;

/** float32 as it is. */
final class FloatWire implements Wire {
  /** What happens with what comes. */
  enum Mode {
    /** Replaces what the array holds. */
    COPY,
    /** Is added to what the array holds. */
    ADD
  }

  /** Elements that are added at a time: they stay in the first-level cache. */
  private static final int CHUNK = 2048;

  private final float[] chunk = new float[CHUNK];
  private float[] values;
  private int offset;
  private Mode mode;

  /** Element i is {@code values[offset + i]}. */
  FloatWire of(float[] values, int offset, Mode mode) {
    this.values = values;
    this.offset = offset;
    this.mode = mode;
    return this;
  }

  @Override
  public int elementBytes() {
    return Float.BYTES;
  }

  @Override
  public void put(int begin, int end, ByteBuffer payload) {
    floats(payload).put(values, offset + begin, end - begin);
  }

  @Override
  public void take(int begin, int end, ByteBuffer payload) {
    FloatBuffer floats = floats(payload);
    if (mode == Mode.COPY) {
      floats.get(values, offset + begin, end - begin);
      return;
    }
    // Through an array: a loop that reads the buffer itself is not compiled to vector instructions.
    for (int i = begin; i < end; i += CHUNK) {
      int count = Math.min(CHUNK, end - i);
      floats.get(chunk, 0, count);
      add(chunk, values, offset + i, count);
    }
  }

  private static void add(float[] from, float[] to, int offset, int count) {
    for (int i = 0; i < count; i++) {
      to[offset + i] += from[i];
    }
  }

  private static FloatBuffer floats(ByteBuffer payload) {
    return payload.order(ByteOrder.LITTLE_ENDIAN).asFloatBuffer();
  }
}
