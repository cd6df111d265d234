package dev.firesteel.benchmarks;

import com.sun.management.ThreadMXBean;
import java.lang.management.ManagementFactory;
import java.lang.management.MemoryPoolMXBean;
import java.lang.management.MemoryType;
import java.util.Arrays;
import java.util.stream.Stream;

/** What this JVM's threads have allocated on the heap, and what the heap has held. */
final class HeapUse {
  private static final ThreadMXBean THREADS = (ThreadMXBean) ManagementFactory.getThreadMXBean();

  private HeapUse() {}

  /** Bytes that all Java threads alive at present have allocated since each began. */
  static long allocatedBytes() {
    long[] perThread = THREADS.getThreadAllocatedBytes(THREADS.getAllThreadIds());
    return Arrays.stream(perThread).filter(bytes -> bytes > 0).sum();
  }

  /**
   * The most bytes that the heap has held since {@link #collect}: the sum of its generations'
   * peaks, garbage that was not yet collected included.
   */
  static long peakBytes() {
    return heap().mapToLong(pool -> pool.getPeakUsage().getUsed()).sum();
  }

  /** Collects garbage and forgets the peaks so far. */
  static void collect() {
    System.gc();
    heap().forEach(MemoryPoolMXBean::resetPeakUsage);
  }

  private static Stream<MemoryPoolMXBean> heap() {
    return ManagementFactory.getMemoryPoolMXBeans().stream()
        .filter(pool -> pool.getType() == MemoryType.HEAP);
  }
}
