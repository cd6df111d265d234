package dev.firesteel.array;

/** A block of {@link DType#F64} elements in a {@code double[]}. */
public final class DoubleStorage extends HeapStorage {
  private final double[] array;

  /** A block backed by a given Java array, not a copy. */
  public DoubleStorage(double[] array) {
    super(DType.F64, array.length);
    this.array = array;
  }

  /** The Java array itself; after writing to it, call {@link #markWritten()}. */
  public double[] array() {
    return array;
  }

  /**
   * The Java array behind an {@link DType#F64} array on the heap; its first element is at {@link
   * HeapStorage#offset}.
   *
   * @throws ClassCastException when the array is of another kind
   */
  public static double[] of(NdArray array) {
    return ((DoubleStorage) array.storage()).array;
  }
}
