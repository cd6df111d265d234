package dev.firesteel.plan;

/**
 * One thing that takes memory at the busiest moment of a run.
 *
 * @param heapBytes on the Java heap
 * @param nativeBytes outside of it
 */
public record MemoryPart(String name, long heapBytes, long nativeBytes) {}
