package dev.firesteel.format.gguf;

import dev.firesteel.format.safetensors.FloatType;
import dev.firesteel.format.safetensors.Safetensors;
import java.nio.ByteBuffer;

/**
 * Blocks of 256 numbers with scales of few bits, llama.cpp's k-quants.
 *
 * <p>{@code Q4_K}: eight parts of 32 numbers q of 4 bits, which mean {@code d s q - m o}: d and m
 * are binary16, the scales s and the offsets o of the parts have 6 bits each. The block is d, m,
 * the 12 bytes of the scales and offsets, and 128 bytes of numbers: byte i of each run of 32 has
 * element i of one part in its lower half and element i of the next part in its upper half.
 *
 * <p>{@code Q6_K}: sixteen parts of 16 numbers q of 6 bits, which mean {@code d s (q - 32)}: d is
 * binary16, the scale s of a part a signed byte. The block is 128 bytes of the numbers' lower
 * halves, 64 bytes of their upper two bits, the scales, and d.
 *
 * <p>Scales are searched for, as the reference code searches ({@code make_qkx2_quants} and {@code
 * make_qx_quants} of {@code ggml-quants.c} in ggml-org/ggml): for each of some divisors the numbers
 * are rounded, the scale and the offset of least squares for these integers are computed, and the
 * best of all is taken. Large numbers weigh more: {@code rms(x) + |x|} in Q4_K, {@code x^2} in
 * Q6_K. Sums are in double precision here, so that some bits differ from the reference's.
 */
final class KQuants {
  /** Numbers of a block. */
  static final int SIZE = 256;

  private static final int Q4_PART = 32;
  private static final int Q4_PARTS = SIZE / Q4_PART;
  private static final int Q4_LARGEST = 15;
  private static final int Q4_TRIALS = 21;
  private static final int SCALES_BYTES = 12;
  private static final int LARGEST_SCALE = 63;

  private static final int Q6_PART = 16;
  private static final int Q6_PARTS = SIZE / Q6_PART;
  private static final int Q6_HALF = 32;
  private static final int Q6_TRIALS = 9; // on either side

  private KQuants() {}

  /** Appends a block of {@code Q4_K} with the numbers from an index on. */
  static void encodeQ4(float[] values, int from, ByteBuffer out) {
    double[] scales = new double[Q4_PARTS];
    double[] offsets = new double[Q4_PARTS];
    double largestScale = 0;
    double largestOffset = 0;
    for (int part = 0; part < Q4_PARTS; part++) {
      double[] fit = affine(values, from + part * Q4_PART);
      scales[part] = fit[0];
      offsets[part] = fit[1];
      largestScale = Math.max(largestScale, fit[0]);
      largestOffset = Math.max(largestOffset, fit[1]);
    }
    short d = FloatType.toHalf((float) (largestScale / LARGEST_SCALE));
    short m = FloatType.toHalf((float) (largestOffset / LARGEST_SCALE));
    float unitScale = Safetensors.fromHalf(d);
    float unitOffset = Safetensors.fromHalf(m);
    out.putShort(d).putShort(m);
    int[] s = new int[Q4_PARTS];
    int[] o = new int[Q4_PARTS];
    for (int part = 0; part < Q4_PARTS; part++) {
      s[part] = rounded(scales[part], unitScale, 0, LARGEST_SCALE);
      o[part] = rounded(offsets[part], unitOffset, 0, LARGEST_SCALE);
    }
    putScales(s, o, out);
    for (int part = 0; part < Q4_PARTS; part += 2) {
      double lowScale = unitScale * s[part];
      double lowOffset = unitOffset * o[part];
      double highScale = unitScale * s[part + 1];
      double highOffset = unitOffset * o[part + 1];
      for (int i = from + part * Q4_PART; i < from + (part + 1) * Q4_PART; i++) {
        int low = rounded(values[i] + lowOffset, lowScale, 0, Q4_LARGEST);
        int high = rounded(values[i + Q4_PART] + highOffset, highScale, 0, Q4_LARGEST);
        out.put((byte) (low | (high << 4)));
      }
    }
  }

  /**
   * The scale and the offset, {@code {a, b}}, both at least 0, for which {@code a q - b} with
   * integers q from 0 to 15 is near the numbers of a part.
   */
  private static double[] affine(float[] x, int from) {
    double least = 0; // so that 0 is among the values
    double greatest = x[from];
    double squares = 0;
    for (int i = from; i < from + Q4_PART; i++) {
      least = Math.min(least, x[i]);
      greatest = Math.max(greatest, x[i]);
      squares += (double) x[i] * x[i];
    }
    if (greatest == least) {
      return new double[] {0, -least};
    }
    double typical = Math.sqrt(squares / Q4_PART);
    double scale = (greatest - least) / Q4_LARGEST;
    double offset = -least;
    double error = Double.POSITIVE_INFINITY;
    for (int trial = -1; trial < Q4_TRIALS; trial++) {
      // The plain range first, then from 14 to 16 steps in it.
      double steps = trial < 0 ? Q4_LARGEST : Q4_LARGEST - 1 + 0.1 * trial;
      double unit = (greatest - least) / steps;
      double w = 0;
      double wx = 0;
      double wq = 0;
      double wqq = 0;
      double wqx = 0;
      double wxx = 0;
      for (int i = from; i < from + Q4_PART; i++) {
        int q = rounded(x[i] - least, unit, 0, Q4_LARGEST);
        double weight = typical + Math.abs(x[i]);
        w += weight;
        wx += weight * x[i];
        wq += weight * q;
        wqq += weight * q * q;
        wqx += weight * q * x[i];
        wxx += weight * x[i] * x[i];
      }
      double a = unit;
      double b = -least;
      if (trial >= 0) {
        double determinant = w * wqq - wq * wq;
        if (!(determinant > 0)) {
          continue;
        }
        a = (w * wqx - wx * wq) / determinant;
        b = (wq * wqx - wqq * wx) / determinant;
        if (b < 0) { // an offset is not negative
          a = wqx / wqq;
          b = 0;
        }
      }
      // The sum of w (a q - b - x)^2.
      double now = a * a * wqq + b * b * w + wxx - 2 * a * b * wq - 2 * a * wqx + 2 * b * wx;
      if (a > 0 && now < error) {
        error = now;
        scale = a;
        offset = b;
      }
    }
    return new double[] {scale, offset};
  }

  /** The nearest integer to a quotient, within limits; 0 if the divisor is 0. */
  private static int rounded(double value, double unit, int least, int most) {
    return unit == 0 ? 0 : (int) Math.max(least, Math.min(most, Math.rint(value / unit)));
  }

  /** Six bits each: of parts 4 to 7 the upper two bits are in the bytes of parts 0 to 3. */
  private static void putScales(int[] s, int[] o, ByteBuffer out) {
    byte[] packed = new byte[SCALES_BYTES];
    for (int i = 0; i < 4; i++) {
      packed[i] = (byte) (s[i] | (s[i + 4] >> 4 << 6));
      packed[i + 4] = (byte) (o[i] | (o[i + 4] >> 4 << 6));
      packed[i + 8] = (byte) ((s[i + 4] & 15) | ((o[i + 4] & 15) << 4));
    }
    out.put(packed);
  }

  /** Reads a block of {@code Q4_K}. */
  static void decodeQ4(ByteBuffer in, float[] into, int first) {
    float d = Safetensors.fromHalf(in.getShort());
    float m = Safetensors.fromHalf(in.getShort());
    byte[] packed = new byte[SCALES_BYTES];
    in.get(packed);
    for (int part = 0; part < Q4_PARTS; part += 2) {
      float lowScale = d * scale(packed, part);
      float lowOffset = m * offset(packed, part);
      float highScale = d * scale(packed, part + 1);
      float highOffset = m * offset(packed, part + 1);
      for (int i = first + part * Q4_PART; i < first + (part + 1) * Q4_PART; i++) {
        int both = in.get() & 0xFF;
        into[i] = lowScale * (both & 15) - lowOffset;
        into[i + Q4_PART] = highScale * (both >>> 4) - highOffset;
      }
    }
  }

  private static int scale(byte[] packed, int part) {
    return part < 4
        ? packed[part] & 63
        : (packed[part + 4] & 15) | ((packed[part - 4] & 0xC0) >> 2);
  }

  private static int offset(byte[] packed, int part) {
    return part < 4
        ? packed[part + 4] & 63
        : ((packed[part + 4] & 0xF0) >> 4) | ((packed[part] & 0xC0) >> 2);
  }

  /** Appends a block of {@code Q6_K} with the numbers from an index on. */
  static void encodeQ6(float[] values, int from, ByteBuffer out) {
    double[] scales = new double[Q6_PARTS];
    double largest = 0; // with its sign
    for (int part = 0; part < Q6_PARTS; part++) {
      scales[part] = linear(values, from + part * Q6_PART);
      largest = Math.abs(scales[part]) > Math.abs(largest) ? scales[part] : largest;
    }
    short d = FloatType.toHalf((float) (largest / -128));
    float unit = Safetensors.fromHalf(d);
    byte[] s = new byte[Q6_PARTS];
    int[] q = new int[SIZE];
    for (int part = 0; part < Q6_PARTS; part++) {
      s[part] = (byte) rounded(scales[part], unit, -128, 127);
      for (int i = part * Q6_PART; i < (part + 1) * Q6_PART; i++) {
        q[i] = Q6_HALF + rounded(values[from + i], unit * s[part], -Q6_HALF, Q6_HALF - 1);
      }
    }
    for (int half = 0; half < SIZE; half += 128) {
      for (int i = half; i < half + 64; i++) {
        out.put((byte) ((q[i] & 15) | ((q[i + 64] & 15) << 4)));
      }
    }
    for (int half = 0; half < SIZE; half += 128) {
      for (int i = half; i < half + 32; i++) {
        out.put(
            (byte)
                ((q[i] >> 4)
                    | (q[i + 32] >> 4 << 2)
                    | (q[i + 64] >> 4 << 4)
                    | (q[i + 96] >> 4 << 6)));
      }
    }
    out.put(s).putShort(d);
  }

  /**
   * The scale a, which may be negative, for which {@code a q} with integers q from -32 to 31 is
   * near the numbers of a part: of all trials the one that leaves the least of the sum of {@code
   * x^2 (a q - x)^2}.
   */
  private static double linear(float[] x, int from) {
    double extreme = 0;
    for (int i = from; i < from + Q6_PART; i++) {
      extreme = Math.abs(x[i]) > Math.abs(extreme) ? x[i] : extreme;
    }
    if (extreme == 0) {
      return 0;
    }
    double scale = extreme / -Q6_HALF;
    double explained = 0;
    for (int trial = -Q6_TRIALS; trial <= Q6_TRIALS; trial++) {
      double unit = extreme / -(Q6_HALF + 0.1 * trial);
      double wqq = 0;
      double wqx = 0;
      for (int i = from; i < from + Q6_PART; i++) {
        int q = rounded(x[i], unit, -Q6_HALF, Q6_HALF - 1);
        double weight = (double) x[i] * x[i];
        wqq += weight * q * q;
        wqx += weight * q * x[i];
      }
      // With the scale of least squares, wqx / wqq, this much of the sum of w x^2 is explained.
      if (wqq > 0 && wqx * wqx / wqq > explained) {
        explained = wqx * wqx / wqq;
        scale = wqx / wqq;
      }
    }
    return scale;
  }

  /** Reads a block of {@code Q6_K}. */
  static void decodeQ6(ByteBuffer in, float[] into, int first) {
    byte[] low = new byte[SIZE / 2];
    byte[] high = new byte[SIZE / 4];
    byte[] scales = new byte[Q6_PARTS];
    in.get(low).get(high).get(scales);
    float d = Safetensors.fromHalf(in.getShort());
    for (int i = 0; i < SIZE; i++) {
      int half = i / 128;
      int at = i % 128; // byte and bits: rows of 64 in the lower parts, of 32 in the upper ones
      int lower = ((low[half * 64 + at % 64] & 0xFF) >> (at / 64 * 4)) & 15;
      int upper = ((high[half * 32 + at % 32] & 0xFF) >> (at / 32 * 2)) & 3;
      into[first + i] = d * scales[i / Q6_PART] * (lower + 16 * upper - Q6_HALF);
    }
  }
}
