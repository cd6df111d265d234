package dev.firesteel.benchmarks;

import com.sun.management.ThreadMXBean;
import java.lang.management.ManagementFactory;
import java.lang.management.MemoryPoolMXBean;
import java.lang.management.MemoryType;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import java.util.stream.Stream;

/** What this JVM's threads have allocated on the heap, and what the heap has held. */
final class HeapUse {
  private static final ThreadMXBean THREADS = (ThreadMXBean) ManagementFactory.getThreadMXBean();

  /** By a thread's id, what it had allocated when it was last seen. */
  private static final Map<Long, Long> ALLOCATED = new ConcurrentHashMap<>();

  private HeapUse() {}

  /**
   * Bytes that all Java threads have allocated since each began; of a thread that has ended, what
   * it had when this was last asked.
   */
  static long allocatedBytes() {
    long[] threads = THREADS.getAllThreadIds();
    long[] bytes = THREADS.getThreadAllocatedBytes(threads);
    for (int i = 0; i < threads.length; i++) {
      // -1: it has ended since.
      ALLOCATED.merge(threads[i], Math.max(0, bytes[i]), Math::max);
    }
    return ALLOCATED.values().stream().mapToLong(Long::longValue).sum();
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
