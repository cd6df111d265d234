package dev.firesteel.backend.cpu;

/**
 * The bfloat16 format: the upper half of a float32, so the same range with 8 bits of precision.
 * Conversion rounds to nearest, ties to even, as the CPU instructions do; a NaN stays a NaN.
 */
final class Bf16 {
  private Bf16() {}

  /** The nearest bfloat16 to {@code value}, as its 16 bits. */
  static short of(float value) {
    int bits = Float.floatToRawIntBits(value);
    if ((bits & 0x7fffffff) > 0x7f800000) {
      return (short) ((bits >>> 16) | 0x40);
    }
    // Half of the last place that stays, less one, plus that place's bit: a tie goes to even.
    return (short) ((bits + 0x7fff + ((bits >>> 16) & 1)) >>> 16);
  }

  /** The float32 that a bfloat16 stands for, exactly. */
  static float toFloat(short bits) {
    return Float.intBitsToFloat(bits << 16);
  }
}
