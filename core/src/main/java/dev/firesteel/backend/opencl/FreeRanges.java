package dev.firesteel.backend.opencl;

import java.util.Map;
import java.util.TreeMap;

/** What is free in a range of elements: first fit, neighbours joined when they come back. */
final class FreeRanges {
  /** Blocks begin at multiples of this, so that rows fall on whole memory transactions. */
  private static final int ALIGNMENT = 32;

  /** Sizes by their starts. */
  private final TreeMap<Integer, Integer> free = new TreeMap<>();

  /** Adds a range, such as the whole at first. */
  void add(int start, int size) {
    Map.Entry<Integer, Integer> before = free.floorEntry(start);
    int from = start;
    int length = size;
    if (before != null && before.getKey() + before.getValue() == start) {
      from = before.getKey();
      length += before.getValue();
    }
    Integer after = free.remove(start + size);
    free.put(from, after == null ? length : length + after);
  }

  /** The start of a block of {@code size} elements, or -1 when none is large enough. */
  int take(int size) {
    int rounded = rounded(size);
    int start = firstFit(rounded);
    if (start >= 0) {
      int left = free.remove(start) - rounded;
      if (left > 0) {
        free.put(start + rounded, left);
      }
    }
    return start;
  }

  private int firstFit(int size) {
    for (Map.Entry<Integer, Integer> range : free.entrySet()) {
      if (range.getValue() >= size) {
        return range.getKey();
      }
    }
    return -1;
  }

  /** Takes back a block of {@code size} elements. */
  void giveBack(int start, int size) {
    add(start, rounded(size));
  }

  /** What a block of {@code size} elements takes. */
  static int rounded(int size) {
    return Math.max(1, (size + ALIGNMENT - 1) / ALIGNMENT) * ALIGNMENT;
  }
}
