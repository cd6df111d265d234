package dev.firesteel.array;

/**
 * A block backed by one Java array on the heap, as used by the CPU backends. Loops over heap arrays
 * run faster than over direct memory, nothing leaks, and the JVM's heap limit accounts for all of
 * it.
 */
public abstract sealed class HeapStorage extends Storage
    permits FloatStorage, DoubleStorage, IntStorage {

  HeapStorage(DType dtype, int size) {
    super(dtype, size);
  }

  /**
   * A new block of {@code size} elements, initially zero.
   *
   * @throws IllegalArgumentException when a Java array cannot be that long
   */
  public static HeapStorage allocate(DType dtype, long size) {
    // Some JVMs do not allow the last few indices: ArraysSupport.SOFT_MAX_ARRAY_LENGTH.
    if (size < 0 || size > Integer.MAX_VALUE - 8) {
      throw new IllegalArgumentException(
          "HeapStorage: an array holds 0 to 2^31 - 9 elements, got " + size + " of " + dtype);
    }
    return switch (dtype) {
      case F32 -> new FloatStorage(new float[(int) size]);
      case F64 -> new DoubleStorage(new double[(int) size]);
      case I32 -> new IntStorage(new int[(int) size]);
    };
  }

  /** The index of an array's first element in its Java array. */
  public static int offset(NdArray array) {
    return Math.toIntExact(array.offset());
  }
}
