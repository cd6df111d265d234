package dev.firesteel.format.safetensors;

import dev.firesteel.array.Shape;

/**
 * A named float32 tensor that can be read a range at a time, so that a tensor of any size is
 * written through a small buffer.
 */
public interface TensorSource {
  /** The name in the file. */
  String name();

  /** The extents in the file, row-major. */
  Shape shape();

  /** Copies elements {@code [from, from + count)} to the start of {@code into}. */
  void read(long from, float[] into, int count);
}
