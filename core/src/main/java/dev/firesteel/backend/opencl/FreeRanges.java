package dev.firesteel.backend.opencl;

import java.util.Map;
import java.util.TreeMap;

/** Free list over a range of elements: first fit, with adjacent ranges merged on release. */
final class FreeRanges {
  /** Blocks start at multiples of this, so that rows are aligned to memory transactions. */
  private static final int ALIGNMENT = 32;

  /** Sizes by start. */
  private final TreeMap<Integer, Integer> free = new TreeMap<>();

  /** Adds a range, such as the whole range initially. */
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

  /** The start of a block of {@code size} elements, or -1 if none is large enough. */
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

  /** Releases a block of {@code size} elements. */
  void giveBack(int start, int size) {
    add(start, rounded(size));
  }

  /** The number of elements that a block of {@code size} elements occupies. */
  static int rounded(int size) {
    return Math.max(1, (size + ALIGNMENT - 1) / ALIGNMENT) * ALIGNMENT;
  }
}
