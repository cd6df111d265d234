package dev.firesteel.backend.reference;

import dev.firesteel.array.DoubleStorage;
import dev.firesteel.array.FloatStorage;
import dev.firesteel.array.HeapStorage;
import dev.firesteel.array.IntStorage;
import dev.firesteel.array.NdArray;
import dev.firesteel.backend.Backend.Write;

/**
 * A view of an F32 or F64 array as doubles, with index 0 at its first element, so that one loop
 * serves both types. Values are rounded to the nearest float only when stored in an F32 array.
 */
abstract class Elements {
  private Elements() {}

  /** An operand to read. */
  static Elements of(NdArray array) {
    int offset = HeapStorage.offset(array);
    return switch (array.dtype()) {
      case F32 -> new Floats(FloatStorage.of(array), offset);
      case F64 -> new Doubles(DoubleStorage.of(array), offset);
      case I32 -> throw new IllegalArgumentException("expected F32 or F64, got " + array);
    };
  }

  /** An optional operand. */
  static Elements orNull(NdArray array) {
    return array == null ? null : of(array);
  }

  /** A result, whose storage is marked as written. */
  static Elements result(NdArray array) {
    array.storage().markWritten();
    return of(array);
  }

  /** An optional result. */
  static Elements resultOrNull(NdArray array) {
    return array == null ? null : result(array);
  }

  /** Overwrites a result with the given values. */
  static void setAll(NdArray array, double[] values) {
    Elements result = result(array);
    for (int i = 0; i < values.length; i++) {
      result.set(i, values[i]);
    }
  }

  /** The number of elements. */
  static int size(NdArray array) {
    return Math.toIntExact(array.size());
  }

  /** An element of an I32 array. */
  static int intAt(NdArray array, int i) {
    return IntStorage.of(array)[HeapStorage.offset(array) + i];
  }

  abstract double get(int i);

  abstract void set(int i, double value);

  final void write(int i, double value, Write write) {
    switch (write) {
      case SET -> set(i, value);
      case ADD -> set(i, get(i) + value);
    }
  }

  private static final class Floats extends Elements {
    private final float[] array;
    private final int offset;

    private Floats(float[] array, int offset) {
      this.array = array;
      this.offset = offset;
    }

    @Override
    double get(int i) {
      return array[offset + i];
    }

    @Override
    void set(int i, double value) {
      array[offset + i] = (float) value;
    }
  }

  private static final class Doubles extends Elements {
    private final double[] array;
    private final int offset;

    private Doubles(double[] array, int offset) {
      this.array = array;
      this.offset = offset;
    }

    @Override
    double get(int i) {
      return array[offset + i];
    }

    @Override
    void set(int i, double value) {
      array[offset + i] = value;
    }
  }
}
