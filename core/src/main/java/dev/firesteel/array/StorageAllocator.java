package dev.firesteel.array;

/** Allocates blocks, on the heap or in a device's arena. */
public interface StorageAllocator {
  /** A block of {@code size} elements; its content is undefined. */
  Storage allocate(DType dtype, long size);

  /** Returns a block to the memory it came from. */
  void free(Storage storage);
}
