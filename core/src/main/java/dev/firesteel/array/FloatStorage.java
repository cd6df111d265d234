package dev.firesteel.array;

/** A block of {@link DType#F32} elements in a {@code float[]}. */
public final class FloatStorage extends HeapStorage {
  private final float[] array;

  /** A block backed by a given Java array, not a copy. */
  public FloatStorage(float[] array) {
    super(DType.F32, array.length);
    this.array = array;
  }

  /** The Java array itself; after writing to it, call {@link #markWritten()}. */
  public float[] array() {
    return array;
  }

  /**
   * The Java array behind an {@link DType#F32} array on the heap; its first element is at {@link
   * HeapStorage#offset}.
   *
   * @throws ClassCastException when the array is of another kind
   */
  public static float[] of(NdArray array) {
    return ((FloatStorage) array.storage()).array;
  }
}
