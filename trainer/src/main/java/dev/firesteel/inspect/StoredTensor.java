package dev.firesteel.inspect;

import dev.firesteel.array.Shape;
import java.io.IOException;

/**
 * A tensor in a file.
 *
 * @param file its file, relative to what is inspected
 * @param name in the file
 * @param type of its elements, as the format spells it
 * @param shape its extents, row-major
 * @param elements reads it; null if its type is not read as numbers
 */
record StoredTensor(String file, String name, String type, Shape shape, Elements elements) {
  /** Elements that are read at once. */
  static final int PART = 1 << 16;

  /** Reads a tensor's elements, a range at a time. */
  @FunctionalInterface
  interface Elements {
    /** Copies elements {@code [from, from + count)} to the start of {@code into}. */
    void read(long from, float[] into, int count) throws IOException;
  }

  /** Whether its numbers can be read. */
  boolean isNumeric() {
    return elements != null;
  }
}
