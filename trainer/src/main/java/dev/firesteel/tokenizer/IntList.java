package dev.firesteel.tokenizer;

import java.util.Arrays;

/**
 * A growing {@code int[]}: encoding a corpus into a {@code List<Integer>} would box every token.
 */
final class IntList {
  private int[] values;
  private int size;

  IntList(int capacity) {
    values = new int[capacity];
  }

  void add(int value) {
    if (size == values.length) {
      grow(size + 1);
    }
    values[size++] = value;
  }

  void addAll(int[] from, int length) {
    if (length > values.length - size) {
      grow(Math.addExact(size, length));
    }
    System.arraycopy(from, 0, values, size, length);
    size += length;
  }

  int get(int index) {
    return values[index];
  }

  int size() {
    return size;
  }

  /** Removes the values from index {@code length} on. */
  void truncate(int length) {
    size = length;
  }

  int[] toArray() {
    return Arrays.copyOf(values, size);
  }

  /** The first {@code size()} values in ascending order. */
  void sort() {
    Arrays.sort(values, 0, size);
  }

  private void grow(int required) {
    long doubled = Math.min(2L * values.length, Integer.MAX_VALUE - 8);
    values = Arrays.copyOf(values, (int) Math.max(doubled, required));
  }
}
