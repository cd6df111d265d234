package dev.firesteel.format.gguf;

import dev.firesteel.array.Shape;

/**
 * One entry of a GGUF file's table of tensors.
 *
 * @param type of its elements
 * @param shape row-major: the format's dimensions in reverse
 * @param begin first byte, counted from the start of the data
 */
public record GgufTensor(String name, GgmlType type, Shape shape, long begin) {
  /** Bytes of all elements. */
  public long bytes() {
    return type.bytes(shape.size());
  }
}
