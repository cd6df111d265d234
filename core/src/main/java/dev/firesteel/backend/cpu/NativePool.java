package dev.firesteel.backend.cpu;

import java.util.ArrayDeque;
import java.util.HashMap;
import java.util.Iterator;
import java.util.Map;
import java.util.function.LongFunction;

/**
 * A pool of native blocks, which are kept for the next step after use. Bounded: free blocks never
 * hold more than the peak of allocated bytes, so the pool holds at most twice that. Thread-safe.
 */
final class NativePool implements AutoCloseable {
  private final LongFunction<NativeBlock> create;
  private final Map<Long, ArrayDeque<NativeBlock>> free = new HashMap<>();
  private long lentBytes;
  private long peakLentBytes;
  private long pooledBytes;
  private int lentBlocks;

  NativePool() {
    this(NativeBlock::new);
  }

  /**
   * @param create creates a block of the given number of bytes
   */
  NativePool(LongFunction<NativeBlock> create) {
    this.create = create;
  }

  /** A block of at least {@code bytes}, with undefined content. */
  synchronized NativeBlock take(long bytes) {
    long rounded = sizeClass(bytes);
    ArrayDeque<NativeBlock> blocks = free.get(rounded);
    NativeBlock block;
    if (blocks != null && !blocks.isEmpty()) {
      block = blocks.pop();
      pooledBytes -= rounded;
    } else {
      block = create.apply(rounded);
    }
    lentBlocks++;
    lentBytes += rounded;
    peakLentBytes = Math.max(peakLentBytes, lentBytes);
    return block;
  }

  synchronized void giveBack(NativeBlock block) {
    lentBlocks--;
    lentBytes -= block.bytes();
    pooledBytes += block.bytes();
    free.computeIfAbsent(block.bytes(), size -> new ArrayDeque<>()).push(block);
    trim();
  }

  private void trim() {
    Iterator<ArrayDeque<NativeBlock>> classes = free.values().iterator();
    while (pooledBytes > peakLentBytes && classes.hasNext()) {
      ArrayDeque<NativeBlock> blocks = classes.next();
      while (pooledBytes > peakLentBytes && !blocks.isEmpty()) {
        NativeBlock block = blocks.pollLast();
        pooledBytes -= block.bytes();
        block.free();
      }
    }
  }

  /** Number of blocks currently allocated; 0 if nothing leaks. */
  synchronized int lentBlocks() {
    return lentBlocks;
  }

  /** Bytes currently allocated. */
  synchronized long lentBytes() {
    return lentBytes;
  }

  /** Bytes held, allocated and free. */
  synchronized long heldBytes() {
    return lentBytes + pooledBytes;
  }

  /** The peak of allocated bytes. */
  synchronized long peakLentBytes() {
    return peakLentBytes;
  }

  /** Frees the blocks that are not allocated. */
  @Override
  public synchronized void close() {
    for (ArrayDeque<NativeBlock> blocks : free.values()) {
      blocks.forEach(NativeBlock::free);
    }
    free.clear();
    pooledBytes = 0;
  }

  /** The size rounded up to a multiple of an eighth of the power of two below it. */
  private static long sizeClass(long bytes) {
    if (bytes <= 4096) {
      return 4096;
    }
    long step = Long.highestOneBit(bytes - 1) >> 3;
    return (bytes + step - 1) / step * step;
  }
}
