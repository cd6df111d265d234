package dev.firesteel.train;

import com.sun.management.ThreadMXBean;
import java.lang.management.GarbageCollectorMXBean;
import java.lang.management.ManagementFactory;
import java.util.List;

/**
 * What a run's threads have cost: bytes that they allocated on the Java heap, time on processors,
 * and what collecting garbage took. All only grow. A step that is compiled well allocates next to
 * nothing; a vector that becomes an object in a kernel shows here before all else.
 */
final class ThreadCounters {
  private final ThreadMXBean counter; // null where this JVM does not count
  private final List<GarbageCollectorMXBean> collectors =
      ManagementFactory.getGarbageCollectorMXBeans();
  private final long[] threads;

  /**
   * Made by the thread that trains.
   *
   * @param others threads that compute beside it
   */
  ThreadCounters(List<Thread> others) {
    counter =
        ManagementFactory.getThreadMXBean() instanceof ThreadMXBean bean
                && bean.isThreadAllocatedMemorySupported()
                && bean.isThreadAllocatedMemoryEnabled()
                && bean.isThreadCpuTimeSupported()
                && bean.isThreadCpuTimeEnabled()
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
    return counter == null ? Double.NaN : sum(counter.getThreadAllocatedBytes(threads));
  }

  /**
   * Nanoseconds that each thread, on average, has spent on a processor: less than the clock's where
   * other programs hold the processors. NaN where the JVM does not count them.
   */
  double cpuNanos() {
    return counter == null ? Double.NaN : sum(counter.getThreadCpuTime(threads)) / threads.length;
  }

  /** Milliseconds that collections of this process took. */
  long gcMillis() {
    long sum = 0;
    for (GarbageCollectorMXBean collector : collectors) {
      sum += collector.getCollectionTime();
    }
    return sum;
  }

  private static double sum(long... values) {
    double sum = 0;
    for (long value : values) {
      sum += value;
    }
    return sum;
  }
}
