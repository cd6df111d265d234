package dev.firesteel.collective;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.FloatBuffer;

/** float32, unchanged. */
final class FloatWire implements Wire {
  /** What to do with received values. */
  enum Mode {
    /** Replace the array's content. */
    COPY,
    /** Add to the array's content. */
    ADD
  }

  /** Elements added at a time: they fit into the L1 cache. */
  private static final int CHUNK = 2048;

  private final float[] came = new float[CHUNK];
  private final float[] sum = new float[CHUNK];
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
    // Through two small arrays: the JIT vectorizes neither a loop that reads a buffer nor one over
    // arrays with different offsets, because they might alias. Measured: 10.5 GB/s instead of 1.8
    // and 4.5.
    for (int i = begin; i < end; i += CHUNK) {
      int count = Math.min(CHUNK, end - i);
      floats.get(came, 0, count);
      System.arraycopy(values, offset + i, sum, 0, count);
      add(came, sum, count);
      System.arraycopy(sum, 0, values, offset + i, count);
    }
  }

  private static void add(float[] from, float[] to, int count) {
    for (int i = 0; i < count; i++) {
      to[i] += from[i];
    }
  }

  private static FloatBuffer floats(ByteBuffer payload) {
    return payload.order(ByteOrder.LITTLE_ENDIAN).asFloatBuffer();
  }
}
