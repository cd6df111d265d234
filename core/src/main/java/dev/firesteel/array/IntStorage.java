package dev.firesteel.array;

/** A block of {@link DType#I32} elements in a {@code int[]}. */
public final class IntStorage extends HeapStorage {
  private final int[] array;

  /** A block on a given Java array, which it shares. */
  public IntStorage(int[] array) {
    super(DType.I32, array.length);
    this.array = array;
  }

  /** The Java array itself; whoever writes to it calls {@link #markWritten()}. */
  public int[] array() {
    return array;
  }

  /**
   * The Java array below an {@link DType#I32} array on the heap; its first element is at {@link
   * HeapStorage#offset}.
   *
   * @throws ClassCastException when the array is of another kind
   */
  public static int[] of(NdArray array) {
    return ((IntStorage) array.storage()).array;
  }
}
