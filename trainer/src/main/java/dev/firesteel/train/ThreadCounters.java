package dev.firesteel.train;

import com.sun.management.ThreadMXBean;
import java.lang.management.GarbageCollectorMXBean;
import java.lang.management.ManagementFactory;
import java.util.List;

/**
 * Resource use of a run's threads: bytes allocated on the Java heap, CPU time, and time in garbage
 * collection. All counters are cumulative. A well-compiled step allocates next to nothing; a vector
 * that is boxed in a kernel shows up here first.
 */
final class ThreadCounters {
  private final ThreadMXBean counter; // null if this JVM does not measure it
  private final List<GarbageCollectorMXBean> collectors =
      ManagementFactory.getGarbageCollectorMXBeans();
  private final long[] threads;

  /**
   * Must be created by the training thread.
   *
   * @param others the other compute threads
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
   * Bytes that the threads have allocated since they started; NaN if the JVM does not measure them.
   */
  double allocatedBytes() {
    return counter == null ? Double.NaN : sum(counter.getThreadAllocatedBytes(threads));
  }

  /**
   * CPU time of each thread in nanoseconds, on average: less than elapsed time if other programs
   * use the processors. NaN if the JVM does not measure it.
   */
  double cpuNanos() {
    return counter == null ? Double.NaN : sum(counter.getThreadCpuTime(threads)) / threads.length;
  }

  /** Milliseconds spent in this process's garbage collections. */
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
