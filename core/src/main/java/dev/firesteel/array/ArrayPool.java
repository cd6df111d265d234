package dev.firesteel.array;

import java.util.ArrayDeque;
import java.util.EnumMap;
import java.util.HashMap;
import java.util.Map;

/**
 * Free blocks by size class, kept for the next step: training steps repeat their shapes, so after
 * the first one nothing is allocated. Thread-safe.
 *
 * <p>There are eight size classes per power of two, so a block is at most 1/8 larger than requested
 * and shapes that grow by one (generation) still find a block.
 */
public final class ArrayPool implements AutoCloseable {
  private final StorageAllocator allocator;
  private final Map<DType, Map<Long, ArrayDeque<Storage>>> free = new EnumMap<>(DType.class);
  private long pooledBytes;
  private long lentBytes;
  private long peakBytes;
  private boolean closed;

  public ArrayPool(StorageAllocator allocator) {
    this.allocator = allocator;
    for (DType dtype : DType.values()) {
      free.put(dtype, new HashMap<>());
    }
  }

  synchronized Storage take(DType dtype, long size) {
    if (closed) {
      throw new IllegalStateException("array pool is closed");
    }
    long rounded = sizeClass(size);
    ArrayDeque<Storage> blocks = free.get(dtype).get(rounded);
    long bytes = rounded * dtype.bytes();
    Storage storage;
    if (blocks != null && !blocks.isEmpty()) {
      storage = blocks.pop();
      pooledBytes -= bytes;
    } else {
      storage = allocator.allocate(dtype, rounded);
    }
    lentBytes += bytes;
    peakBytes = Math.max(peakBytes, lentBytes + pooledBytes);
    return storage;
  }

  synchronized void giveBack(Storage storage) {
    storage.endLease();
    long bytes = storage.size() * storage.dtype().bytes();
    lentBytes -= bytes;
    if (closed) {
      allocator.free(storage);
      return;
    }
    pooledBytes += bytes;
    free.get(storage.dtype())
        .computeIfAbsent(storage.size(), size -> new ArrayDeque<>())
        .push(storage);
  }

  /** Bytes currently allocated to scopes. */
  public synchronized long lentBytes() {
    return lentBytes;
  }

  /** The maximum number of bytes that this pool has ever held, allocated or free. */
  public synchronized long peakBytes() {
    return peakBytes;
  }

  /** Frees the unused blocks, and allocates no more; the others are freed when released. */
  @Override
  public synchronized void close() {
    closed = true;
    for (Map<Long, ArrayDeque<Storage>> bySize : free.values()) {
      for (ArrayDeque<Storage> blocks : bySize.values()) {
        blocks.forEach(allocator::free);
      }
      bySize.clear();
    }
    pooledBytes = 0;
  }

  /** Rounds {@code size} up to a multiple of an eighth of the power of two below it. */
  static long sizeClass(long size) {
    if (size <= 16) {
      return 16;
    }
    long step = Math.max(1, Long.highestOneBit(size - 1) >> 3);
    return (size + step - 1) / step * step;
  }
}
