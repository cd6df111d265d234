package dev.firesteel.plan;

import java.util.List;

/**
 * Peak memory of training.
 *
 * @param parts its parts
 * @param peakHeapBytes live data on the Java heap: the sum of the parts
 * @param peakNativeBytes outside the heap: the sum of the parts
 * @param recommendedHeapBytes for {@code -Xmx} or {@code spark.executor.memory}: live data and the
 *     headroom that the garbage collector needs
 * @param recommendedOverheadBytes for {@code spark.executor.memoryOverhead}
 */
public record MemoryPlan(
    List<MemoryPart> parts,
    long peakHeapBytes,
    long peakNativeBytes,
    long recommendedHeapBytes,
    long recommendedOverheadBytes) {

  /** Spark's own default: a tenth of the heap, at least this. */
  private static final long LEAST_OVERHEAD = 384L << 20;

  public MemoryPlan {
    parts = List.copyOf(parts);
  }

  static MemoryPlan of(List<MemoryPart> parts) {
    long heap = parts.stream().mapToLong(MemoryPart::heapBytes).sum();
    long outside = parts.stream().mapToLong(MemoryPart::nativeBytes).sum();
    long recommended = Heap.recommended(heap);
    return new MemoryPlan(
        parts,
        heap,
        outside,
        recommended,
        Math.max(Math.max(LEAST_OVERHEAD, recommended / 10), outside));
  }
}
