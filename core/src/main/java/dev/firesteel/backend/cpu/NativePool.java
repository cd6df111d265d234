package dev.firesteel.backend.cpu;

import java.util.ArrayDeque;
import java.util.HashMap;
import java.util.Iterator;
import java.util.Map;
import java.util.function.LongFunction;

/**
 * Native blocks, kept for the next step after use. Bounded: free blocks never hold more than what
 * was lent at the busiest moment, so the pool takes at most twice that. Thread-safe.
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
   * @param create makes a block of so many bytes
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

  /** Blocks lent at present: 0 when nobody leaks. */
  synchronized int lentBlocks() {
    return lentBlocks;
  }

  /** Bytes lent at present. */
  synchronized long lentBytes() {
    return lentBytes;
  }

  /** Bytes held: lent and free. */
  synchronized long heldBytes() {
    return lentBytes + pooledBytes;
  }

  /** The most bytes that were ever lent at once. */
  synchronized long peakLentBytes() {
    return peakLentBytes;
  }

  /** Frees the blocks that are not lent. */
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
