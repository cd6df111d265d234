package dev.firesteel.array;

import java.util.Arrays;

/**
 * The Java heap as memory of arrays, for all element types. Needs no closing: the garbage collector
 * frees what nothing refers to.
 */
public class HostMemory implements ArrayMemory {

  @Override
  public Storage allocate(DType dtype, long size) {
    return HeapStorage.allocate(dtype, size);
  }

  /** Nothing to do: the garbage collector frees heap arrays. */
  @Override
  public void free(Storage storage) {}

  @Override
  public void fill(NdArray out, double value) {
    int start = HeapStorage.offset(out);
    int end = start + size(out);
    out.storage().markWritten();
    switch (out.dtype()) {
      case F32 -> Arrays.fill(FloatStorage.of(out), start, end, (float) value);
      case F64 -> Arrays.fill(DoubleStorage.of(out), start, end, value);
      case I32 -> Arrays.fill(IntStorage.of(out), start, end, (int) value);
    }
  }

  @Override
  public void upload(float[] source, int offset, NdArray to) {
    int start = HeapStorage.offset(to);
    to.storage().markWritten();
    switch (to.dtype()) {
      case F32 -> System.arraycopy(source, offset, FloatStorage.of(to), start, size(to));
      case F64 -> {
        double[] target = DoubleStorage.of(to);
        for (int i = 0; i < size(to); i++) {
          target[start + i] = source[offset + i];
        }
      }
      case I32 -> throw notFloating(to);
    }
  }

  @Override
  public void upload(double[] source, int offset, NdArray to) {
    int start = HeapStorage.offset(to);
    to.storage().markWritten();
    switch (to.dtype()) {
      case F32 -> {
        float[] target = FloatStorage.of(to);
        for (int i = 0; i < size(to); i++) {
          target[start + i] = (float) source[offset + i];
        }
      }
      case F64 -> System.arraycopy(source, offset, DoubleStorage.of(to), start, size(to));
      case I32 -> throw notFloating(to);
    }
  }

  @Override
  public void upload(int[] source, int offset, NdArray to) {
    to.storage().markWritten();
    System.arraycopy(source, offset, IntStorage.of(to), HeapStorage.offset(to), size(to));
  }

  @Override
  public void download(NdArray from, float[] target, int offset) {
    int start = HeapStorage.offset(from);
    switch (from.dtype()) {
      case F32 -> System.arraycopy(FloatStorage.of(from), start, target, offset, size(from));
      case F64 -> {
        double[] source = DoubleStorage.of(from);
        for (int i = 0; i < size(from); i++) {
          target[offset + i] = (float) source[start + i];
        }
      }
      case I32 -> throw notFloating(from);
    }
  }

  @Override
  public void download(NdArray from, double[] target, int offset) {
    int start = HeapStorage.offset(from);
    switch (from.dtype()) {
      case F32 -> {
        float[] source = FloatStorage.of(from);
        for (int i = 0; i < size(from); i++) {
          target[offset + i] = source[start + i];
        }
      }
      case F64 -> System.arraycopy(DoubleStorage.of(from), start, target, offset, size(from));
      case I32 -> throw notFloating(from);
    }
  }

  @Override
  public void download(NdArray from, int[] target, int offset) {
    System.arraycopy(IntStorage.of(from), HeapStorage.offset(from), target, offset, size(from));
  }

  private static int size(NdArray array) {
    return Math.toIntExact(array.size());
  }

  private static IllegalArgumentException notFloating(NdArray array) {
    return new IllegalArgumentException("expected F32 or F64, got " + array);
  }
}
