package dev.firesteel.plan;

/**
 * One part of the peak memory of a run.
 *
 * @param heapBytes bytes on the Java heap
 * @param nativeBytes bytes outside the Java heap
 */
public record MemoryPart(String name, long heapBytes, long nativeBytes) {}
