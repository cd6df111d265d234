package dev.firesteel.backend.cpu;

import static dev.firesteel.array.HeapStorage.offset;

import dev.firesteel.array.FloatStorage;
import dev.firesteel.array.NdArray;
import java.util.Arrays;

/**
 * Plain loops over ranges of {@code float[]}: the compiler vectorises them, and since each element
 * is computed alone, the bits are the same with or without.
 */
final class Elementwise {
  private Elementwise() {}

  /** {@code out[i] = a[i] + b[i]}. */
  static void add(
      float[] a, int aOffset, float[] b, int bOffset, float[] out, int outOffset, int size) {
    for (int i = 0; i < size; i++) {
      out[outOffset + i] = a[aOffset + i] + b[bOffset + i];
    }
  }

  /** {@code out[i] += x[i]}. */
  static void add(float[] out, int outOffset, float[] x, int xOffset, int size) {
    for (int i = 0; i < size; i++) {
      out[outOffset + i] += x[xOffset + i];
    }
  }

  /** {@code out[i] = x[i] + value}. */
  static void addValue(float[] x, int xOffset, float value, float[] out, int outOffset, int size) {
    for (int i = 0; i < size; i++) {
      out[outOffset + i] = x[xOffset + i] + value;
    }
  }

  /** {@code out[i] += alpha * x[i]}. */
  static void addScaled(float alpha, float[] x, int xOffset, float[] out, int outOffset, int size) {
    for (int i = 0; i < size; i++) {
      out[outOffset + i] += alpha * x[xOffset + i];
    }
  }

  /** {@code out[i] = a[i] * b[i]}. */
  static void multiply(
      float[] a, int aOffset, float[] b, int bOffset, float[] out, int outOffset, int size) {
    for (int i = 0; i < size; i++) {
      out[outOffset + i] = a[aOffset + i] * b[bOffset + i];
    }
  }

  /** {@code x[i] *= alpha}. */
  static void scale(float alpha, float[] x, int offset, int size) {
    for (int i = offset; i < offset + size; i++) {
      x[i] *= alpha;
    }
  }

  /** {@code out[i] = alpha * x[i]}. */
  static void scale(float alpha, float[] x, int xOffset, float[] out, int outOffset, int size) {
    for (int i = 0; i < size; i++) {
      out[outOffset + i] = alpha * x[xOffset + i];
    }
  }

  /** Every element of {@code out} becomes {@code value}, on the calling thread. */
  static void fill(NdArray out, float value) {
    int start = offset(out);
    Arrays.fill(FloatStorage.of(out), start, start + Math.toIntExact(out.size()), value);
  }
}
