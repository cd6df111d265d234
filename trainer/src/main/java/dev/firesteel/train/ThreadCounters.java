package dev.firesteel.train;

import com.sun.management.ThreadMXBean;
import java.lang.management.GarbageCollectorMXBean;
import java.lang.management.ManagementFactory;
import java.util.List;

/**
 * What a run's threads have allocated on the Java heap, and what collecting garbage took: both only
 * grow. A step that is compiled well allocates next to nothing; a vector that becomes an object in
 * a kernel shows here before all else.
 */
final class HeapCounters {
  private final ThreadMXBean counter; // null where this JVM does not count
  private final List<GarbageCollectorMXBean> collectors =
      ManagementFactory.getGarbageCollectorMXBeans();
  private final long[] threads;

  /**
   * Made by the thread that trains.
   *
   * @param others threads that compute beside it
   */
  HeapCounters(List<Thread> others) {
    counter =
        ManagementFactory.getThreadMXBean() instanceof ThreadMXBean bean
                && bean.isThreadAllocatedMemorySupported()
                && bean.isThreadAllocatedMemoryEnabled()
            ? bean
            : null;
    threads = new long[1 + others.size()];
    threads[0] = Thread.currentThread().getId();
    for (int i = 0; i < others.size(); i++) {
      threads[1 + i] = others.get(i).getId();
    }
  }

  /**
   * Bytes that the threads have allocated since each began; NaN where the JVM does not count them.
   */
  double allocatedBytes() {
    if (counter == null) {
      return Double.NaN;
    }
    double sum = 0;
    for (long bytes : counter.getThreadAllocatedBytes(threads)) {
      sum += bytes;
    }
    return sum;
  }

  /** Milliseconds that collections of this process took. */
  long gcMillis() {
    long sum = 0;
    for (GarbageCollectorMXBean collector : collectors) {
      sum += collector.getCollectionTime();
    }
    return sum;
  }
}
