package dev.firesteel.format.safetensors;

/** Element types in which weights can be written, named as the format names them. */
public enum FloatType {
  F32(4, 23, Float.MAX_VALUE),
  /** bfloat16: the upper half of a float. */
  BF16(2, 7, 0x1.fep127f),
  /** IEEE 754 binary16. */
  F16(2, 10, 65504);

  private final int bytes;
  private final int fractionBits;
  private final float largest;

  FloatType(int bytes, int fractionBits, float largest) {
    this.bytes = bytes;
    this.fractionBits = fractionBits;
    this.largest = largest;
  }

  /** Bytes of one element. */
  public int bytes() {
    return bytes;
  }

  /** The largest finite value. */
  public float largest() {
    return largest;
  }

  /**
   * Whether a value can be written: its rounded value is finite, or it is an infinity or NaN
   * itself. Rounding to nearest reaches infinity from half a unit above the largest value.
   */
  public boolean holds(float value) {
    double halfUnit = Math.scalb(1.0, Math.getExponent(largest) - fractionBits - 1);
    return this == F32 || !(Math.abs(value) >= largest + halfUnit) || !Float.isFinite(value);
  }

  /** The bits of the nearest bfloat16, ties to even; a NaN stays one. */
  public static short toBfloat(float value) {
    int bits = Float.floatToRawIntBits(value);
    if (Float.isNaN(value)) {
      return (short) ((bits >>> 16) | 0x40); // quiet: its lower bits may be all that made it a NaN
    }
    return (short) ((bits + 0x7fff + ((bits >>> 16) & 1)) >>> 16);
  }

  /** The bits of the nearest binary16, ties to even; a NaN stays one. */
  public static short toHalf(float value) {
    int bits = Float.floatToRawIntBits(value);
    int sign = (bits >>> 16) & 0x8000;
    int magnitude = bits & 0x7fffffff;
    if (magnitude >= 0x7f800000) {
      int payload = magnitude > 0x7f800000 ? 0x200 | ((magnitude >>> 13) & 0x3ff) : 0;
      return (short) (sign | 0x7c00 | payload);
    }
    int exponent = (magnitude >>> 23) - 127 + 15;
    if (exponent >= 0x1f) {
      return (short) (sign | 0x7c00);
    }
    // A normal number drops 13 bits of its fraction; a subnormal one more for each power below.
    int dropped = exponent > 0 ? 13 : 14 - exponent;
    if (dropped > 25) {
      return (short) sign;
    }
    int fraction = exponent > 0 ? magnitude & 0x7fffff : (magnitude & 0x7fffff) | 0x800000;
    int kept = fraction >>> dropped;
    int rest = fraction & ((1 << dropped) - 1);
    int half = 1 << (dropped - 1);
    int up = rest > half || (rest == half && (kept & 1) == 1) ? 1 : 0;
    // A carry out of the fraction raises the exponent, as it should.
    return (short) (sign | ((Math.max(exponent, 0) << 10) + kept + up));
  }
}
