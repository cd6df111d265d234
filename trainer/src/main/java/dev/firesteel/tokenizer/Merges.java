package dev.firesteel.tokenizer;

import java.util.Arrays;

/**
 * The merge table of a BPE, and how one word is merged: while some adjacent pair is in the table,
 * the pair of lowest rank is merged, leftmost first.
 */
final class Merges {
  private static final int NONE = Integer.MAX_VALUE;

  /** Up to this length the scan for the lowest rank is faster than a heap. */
  private static final int SHORT_WORD = 48;

  private final int count;
  // Open addressing: pair of ids as one long, and alongside it rank and merged id.
  private final long[] keys;
  private final int[] ranks;
  private final int[] mergedIds;
  private final int shift;

  /**
   * The rank is the index in these arrays.
   *
   * @param left ids of the left halves
   * @param right ids of the right halves
   * @param merged ids of the results
   */
  Merges(int[] left, int[] right, int[] merged) {
    count = left.length;
    int bits = Math.max(4, 33 - Integer.numberOfLeadingZeros(Math.max(1, count)));
    keys = new long[1 << bits];
    ranks = new int[1 << bits];
    mergedIds = new int[1 << bits];
    shift = 64 - bits;
    Arrays.fill(keys, -1L);
    for (int rank = 0; rank < count; rank++) {
      long key = key(left[rank], right[rank]);
      int slot = slot(key);
      keys[slot] = key;
      ranks[slot] = rank;
      mergedIds[slot] = merged[rank];
    }
  }

  int count() {
    return count;
  }

  private static long key(int left, int right) {
    return ((long) left << 32) | right;
  }

  /** The index of {@code key}, or the free entry where it would be inserted. */
  private int slot(long key) {
    int mask = keys.length - 1;
    int slot = (int) ((key * 0x9E3779B97F4A7C15L) >>> shift);
    while (keys[slot] != key && keys[slot] != -1L) {
      slot = (slot + 1) & mask;
    }
    return slot;
  }

  private int rank(int left, int right) {
    int slot = slot(key(left, right));
    return keys[slot] == -1L ? NONE : ranks[slot];
  }

  private int merged(int left, int right) {
    return mergedIds[slot(key(left, right))];
  }

  /**
   * Merges {@code ids[0, length)} in place.
   *
   * @return the number of ids left
   */
  int apply(int[] ids, int length) {
    if (count == 0 || length < 2) {
      return length;
    }
    return length <= SHORT_WORD ? applyByScan(ids, length) : applyByHeap(ids, length);
  }

  private int applyByScan(int[] ids, int length) {
    int[] pairRanks = new int[length];
    for (int i = 0; i + 1 < length; i++) {
      pairRanks[i] = rank(ids[i], ids[i + 1]);
    }
    while (length > 1) {
      int best = 0;
      for (int i = 1; i + 1 < length; i++) {
        if (pairRanks[i] < pairRanks[best]) {
          best = i;
        }
      }
      if (pairRanks[best] == NONE) {
        break;
      }
      ids[best] = merged(ids[best], ids[best + 1]);
      int moved = length - best - 2;
      System.arraycopy(ids, best + 2, ids, best + 1, moved);
      System.arraycopy(pairRanks, best + 2, pairRanks, best + 1, moved);
      length--;
      if (best > 0) {
        pairRanks[best - 1] = rank(ids[best - 1], ids[best]);
      }
      if (best + 1 < length) {
        pairRanks[best] = rank(ids[best], ids[best + 1]);
      }
    }
    return length;
  }

  /** In n log n: a linked list of symbols and a heap of (rank, position) with stale entries. */
  private int applyByHeap(int[] ids, int length) {
    int[] next = new int[length];
    int[] previous = new int[length];
    long[] start = new long[length - 1];
    int pairs = 0;
    for (int i = 0; i < length; i++) {
      previous[i] = i - 1;
      next[i] = i + 1;
      if (i + 1 < length) {
        int rank = rank(ids[i], ids[i + 1]);
        if (rank != NONE) {
          start[pairs++] = ((long) rank << 32) | i;
        }
      }
    }
    LongHeap heap = new LongHeap(start, pairs);
    while (!heap.isEmpty()) {
      long top = heap.removeLeast();
      int at = (int) top;
      int right = next[at];
      // ids[at] < 0: consumed by its left neighbor. A different rank: the pair has changed since.
      if (ids[at] < 0 || right == length || rank(ids[at], ids[right]) != (int) (top >>> 32)) {
        continue;
      }
      ids[at] = merged(ids[at], ids[right]);
      ids[right] = -1;
      int after = next[right];
      next[at] = after;
      if (after < length) {
        previous[after] = at;
        push(heap, ids[at], ids[after], at);
      }
      int before = previous[at];
      if (before >= 0) {
        push(heap, ids[before], ids[at], before);
      }
    }
    int left = 0;
    for (int i = 0; i < length; i = next[i]) {
      ids[left++] = ids[i];
    }
    return left;
  }

  private void push(LongHeap heap, int left, int right, int at) {
    int rank = rank(left, right);
    if (rank != NONE) {
      heap.add(((long) rank << 32) | at);
    }
  }

  /** Binary min-heap of longs: {@code PriorityQueue} would box every pair. */
  private static final class LongHeap {
    private long[] heap;
    private int size;

    LongHeap(long[] values, int size) {
      // A sorted array is a heap, and sorting is cheaper than single insertions.
      Arrays.sort(values, 0, size);
      this.heap = values;
      this.size = size;
    }

    boolean isEmpty() {
      return size == 0;
    }

    void add(long value) {
      if (size == heap.length) {
        heap = Arrays.copyOf(heap, Math.max(16, heap.length * 2));
      }
      int child = size++;
      while (child > 0) {
        int parent = (child - 1) >>> 1;
        if (heap[parent] <= value) {
          break;
        }
        heap[child] = heap[parent];
        child = parent;
      }
      heap[child] = value;
    }

    long removeLeast() {
      long least = heap[0];
      long last = heap[--size];
      int parent = 0;
      for (int child = 1; child < size; child = 2 * parent + 1) {
        if (child + 1 < size && heap[child + 1] < heap[child]) {
          child++;
        }
        if (last <= heap[child]) {
          break;
        }
        heap[parent] = heap[child];
        parent = child;
      }
      heap[parent] = last;
      return least;
    }
  }
}
