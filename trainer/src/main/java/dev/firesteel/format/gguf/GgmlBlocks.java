package dev.firesteel.format.gguf;

import dev.firesteel.format.safetensors.FloatType;
import dev.firesteel.format.safetensors.Safetensors;
import java.nio.ByteBuffer;
import java.util.Collections;
import java.util.EnumSet;
import java.util.Set;

/**
 * Numbers as blocks of a {@link GgmlType}, and back. A block of {@code Q8_0} is a scale d in
 * binary16 and 32 signed bytes q, which mean {@code d q}; one of {@code Q4_0} a scale and 16 bytes
 * with two numbers of 4 bits each, which mean {@code d (q - 8)}: element i is in the lower half of
 * byte i, element i + 16 in the upper half. One of {@code Q5_0} has 4 bytes between them with a
 * fifth bit of each number, element i's in bit i, and means {@code d (q - 16)}. {@link KQuants} has
 * the blocks of 256 numbers.
 *
 * <p>Scales are chosen as ggml's reference code does ({@code quantize_row_q8_0_ref}, {@code
 * quantize_row_q4_0_ref}, {@code quantize_row_q5_0_ref} of {@code ggml-quants.c}): {@code Q8_0}
 * maps the largest magnitude to 127, the others map the number of largest magnitude to -8 or -16.
 */
final class GgmlBlocks {
  /** Types whose numbers are read and written. */
  static final Set<GgmlType> KNOWN =
      Collections.unmodifiableSet(
          EnumSet.of(
              GgmlType.F32,
              GgmlType.F16,
              GgmlType.BF16,
              GgmlType.Q8_0,
              GgmlType.Q4_0,
              GgmlType.Q5_0,
              GgmlType.Q4_K,
              GgmlType.Q6_K));

  private static final int HALF_BLOCK = 16;

  private GgmlBlocks() {}

  /**
   * Appends numbers to a buffer in little-endian order.
   *
   * @param count a multiple of the type's block size
   */
  static void encode(GgmlType type, float[] values, int count, ByteBuffer out) {
    switch (type) {
      case F32 -> {
        for (int i = 0; i < count; i++) {
          out.putFloat(values[i]);
        }
      }
      case F16 -> {
        for (int i = 0; i < count; i++) {
          out.putShort(FloatType.toHalf(values[i]));
        }
      }
      case BF16 -> {
        for (int i = 0; i < count; i++) {
          out.putShort(FloatType.toBfloat(values[i]));
        }
      }
      case Q8_0 -> {
        for (int i = 0; i < count; i += type.blockElements()) {
          encodeQ8(values, i, out);
        }
      }
      case Q4_0 -> {
        for (int i = 0; i < count; i += type.blockElements()) {
          encodeNibbles(values, i, 4, out);
        }
      }
      case Q5_0 -> {
        for (int i = 0; i < count; i += type.blockElements()) {
          encodeNibbles(values, i, 5, out);
        }
      }
      case Q4_K -> {
        for (int i = 0; i < count; i += KQuants.SIZE) {
          KQuants.encodeQ4(values, i, out);
        }
      }
      case Q6_K -> {
        for (int i = 0; i < count; i += KQuants.SIZE) {
          KQuants.encodeQ6(values, i, out);
        }
      }
      default -> throw new IllegalArgumentException(type + " is not written");
    }
  }

  private static void encodeQ8(float[] values, int from, ByteBuffer out) {
    float largest = 0;
    for (int i = from; i < from + GgmlType.Q8_0.blockElements(); i++) {
      largest = Math.max(largest, Math.abs(values[i]));
    }
    float scale = largest / 127;
    float inverse = scale == 0 ? 0 : 1 / scale;
    out.putShort(FloatType.toHalf(scale));
    for (int i = from; i < from + GgmlType.Q8_0.blockElements(); i++) {
      // Rounds halves away from zero, as C's roundf; Math.round rounds them up.
      float scaled = values[i] * inverse;
      out.put((byte) (scaled < 0 ? -Math.round(-scaled) : Math.round(scaled)));
    }
  }

  /** A block of {@code Q4_0} or, with the fifth bits before the others, of {@code Q5_0}. */
  private static void encodeNibbles(float[] values, int from, int bits, ByteBuffer out) {
    float largest = 0; // with its sign
    for (int i = from; i < from + 2 * HALF_BLOCK; i++) {
      if (Math.abs(values[i]) > Math.abs(largest)) {
        largest = values[i];
      }
    }
    int half = 1 << (bits - 1);
    int most = 2 * half - 1;
    float middle = half + 0.5f;
    float scale = largest / -half;
    float inverse = scale == 0 ? 0 : 1 / scale;
    out.putShort(FloatType.toHalf(scale));
    byte[] lower = new byte[HALF_BLOCK];
    int fifth = 0;
    for (int i = 0; i < HALF_BLOCK; i++) {
      int low = Math.min(most, (int) (values[from + i] * inverse + middle));
      int high = Math.min(most, (int) (values[from + i + HALF_BLOCK] * inverse + middle));
      lower[i] = (byte) ((low & 15) | ((high & 15) << 4));
      fifth |= (low >> 4 << i) | (high >> 4 << (i + HALF_BLOCK));
    }
    if (bits == 5) {
      out.putInt(fifth);
    }
    out.put(lower);
  }

  /**
   * Reads numbers from a buffer in little-endian order.
   *
   * @param count a multiple of the type's block size
   */
  static void decode(GgmlType type, ByteBuffer in, float[] into, int first, int count) {
    switch (type) {
      case F32 -> in.asFloatBuffer().get(into, first, count);
      case F16 -> {
        for (int i = first; i < first + count; i++) {
          into[i] = Safetensors.fromHalf(in.getShort());
        }
      }
      case BF16 -> {
        for (int i = first; i < first + count; i++) {
          into[i] = Safetensors.fromBfloat(in.getShort());
        }
      }
      case Q8_0 -> {
        for (int i = first; i < first + count; i += type.blockElements()) {
          float scale = Safetensors.fromHalf(in.getShort());
          for (int j = i; j < i + type.blockElements(); j++) {
            into[j] = scale * in.get();
          }
        }
      }
      case Q4_0 -> {
        for (int i = first; i < first + count; i += type.blockElements()) {
          float scale = Safetensors.fromHalf(in.getShort());
          for (int j = i; j < i + HALF_BLOCK; j++) {
            int both = in.get() & 0xFF;
            into[j] = scale * ((both & 15) - 8);
            into[j + HALF_BLOCK] = scale * ((both >>> 4) - 8);
          }
        }
      }
      case Q5_0 -> {
        for (int i = first; i < first + count; i += type.blockElements()) {
          float scale = Safetensors.fromHalf(in.getShort());
          int fifth = in.getInt();
          for (int j = 0; j < HALF_BLOCK; j++) {
            int both = in.get() & 0xFF;
            int low = (both & 15) | (((fifth >>> j) & 1) << 4);
            int high = (both >>> 4) | (((fifth >>> (j + HALF_BLOCK)) & 1) << 4);
            into[i + j] = scale * (low - 16);
            into[i + j + HALF_BLOCK] = scale * (high - 16);
          }
        }
      }
      case Q4_K -> {
        for (int i = first; i < first + count; i += KQuants.SIZE) {
          KQuants.decodeQ4(in, into, i);
        }
      }
      case Q6_K -> {
        for (int i = first; i < first + count; i += KQuants.SIZE) {
          KQuants.decodeQ6(in, into, i);
        }
      }
      default -> throw new IllegalArgumentException(type + " is not read");
    }
  }
}
