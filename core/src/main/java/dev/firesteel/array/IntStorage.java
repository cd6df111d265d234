package dev.firesteel.array;

/** A block of {@link DType#I32} elements in a {@code int[]}. */
public final class IntStorage extends HeapStorage {
  private final int[] array;

  /** A block backed by a given Java array, not a copy. */
  public IntStorage(int[] array) {
    super(DType.I32, array.length);
    this.array = array;
  }

  /** The Java array itself; after writing to it, call {@link #markWritten()}. */
  public int[] array() {
    return array;
  }

  /**
   * The Java array behind an {@link DType#I32} array on the heap; its first element is at {@link
   * HeapStorage#offset}.
   *
   * @throws ClassCastException when the array is of another kind
   */
  public static int[] of(NdArray array) {
    return ((IntStorage) array.storage()).array;
  }
}
