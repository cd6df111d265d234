package dev.firesteel.collective;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.ShortBuffer;

/** {@link GradientFormat#BF16}: received values are added in float32. */
final class Bf16Wire implements Wire {
  /** Elements converted at a time: they fit into the L1 cache. */
  private static final int CHUNK = 2048;

  private final short[] chunk = new short[CHUNK];
  private float[] values;
  private int offset;
  private float[] heldBack;

  /**
   * Element i is {@code values[offset + i]}.
   *
   * @param heldBack rounding error carried over for each element; updated by each send
   */
  Bf16Wire of(float[] values, int offset, float[] heldBack) {
    this.values = values;
    this.offset = offset;
    this.heldBack = heldBack;
    return this;
  }

  @Override
  public int elementBytes() {
    return Short.BYTES;
  }

  @Override
  public void put(int begin, int end, ByteBuffer payload) {
    ShortBuffer shorts = payload.order(ByteOrder.LITTLE_ENDIAN).asShortBuffer();
    for (int i = begin; i < end; i += CHUNK) {
      int count = Math.min(CHUNK, end - i);
      for (int j = 0; j < count; j++) {
        float value = values[offset + i + j] + heldBack[i + j];
        short sent = round(value);
        float lost = value - widen(sent);
        chunk[j] = sent;
        // A non-finite value has no remainder, and must not spoil later steps.
        heldBack[i + j] = Math.abs(lost) <= Float.MAX_VALUE ? lost : 0;
      }
      shorts.put(chunk, 0, count);
    }
  }

  @Override
  public void take(int begin, int end, ByteBuffer payload) {
    ShortBuffer shorts = payload.order(ByteOrder.LITTLE_ENDIAN).asShortBuffer();
    for (int i = begin; i < end; i += CHUNK) {
      int count = Math.min(CHUNK, end - i);
      shorts.get(chunk, 0, count);
      for (int j = 0; j < count; j++) {
        values[offset + i + j] += widen(chunk[j]);
      }
    }
  }

  /** Rounds to nearest even; a NaN stays NaN, although its bits would round to infinity. */
  static short round(float value) {
    int bits = Float.floatToRawIntBits(value);
    if (Float.isNaN(value)) {
      return (short) ((bits >>> 16) | 0x40);
    }
    return (short) ((bits + 0x7fff + ((bits >>> 16) & 1)) >>> 16);
  }

  static float widen(short bf16) {
    return Float.intBitsToFloat(bf16 << 16);
  }
}
