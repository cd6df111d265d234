package dev.firesteel.array;

/** Where blocks come from: the heap, or a device's arena. */
public interface StorageAllocator {
  /** A block of {@code size} elements; its content is undefined. */
  Storage allocate(DType dtype, long size);

  /** Gives a block back to the memory it came from. */
  void free(Storage storage);
}
