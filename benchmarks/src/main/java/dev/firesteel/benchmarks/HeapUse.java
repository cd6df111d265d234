package dev.firesteel.benchmarks;

import com.sun.management.ThreadMXBean;
import java.lang.management.ManagementFactory;
import java.util.Arrays;

/** What this JVM's threads have allocated on the heap. */
final class HeapUse {
  private static final ThreadMXBean THREADS = (ThreadMXBean) ManagementFactory.getThreadMXBean();

  private HeapUse() {}

  /** Bytes that all Java threads alive at present have allocated since each began. */
  static long allocatedBytes() {
    long[] perThread = THREADS.getThreadAllocatedBytes(THREADS.getAllThreadIds());
    return Arrays.stream(perThread).filter(bytes -> bytes > 0).sum();
  }
}
