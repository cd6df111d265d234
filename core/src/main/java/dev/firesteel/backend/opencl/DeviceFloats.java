package dev.firesteel.backend.opencl;

import dev.firesteel.array.DType;
import dev.firesteel.array.NdArray;
import dev.firesteel.array.Storage;

/** A block of floats in one of the device's arenas. */
final class DeviceFloats extends Storage {
  private final int arena;
  private final int offset;

  /** The range {@code [offset, offset + size)} of an arena. */
  DeviceFloats(int arena, int offset, int size) {
    super(DType.F32, size);
    this.arena = arena;
    this.offset = offset;
  }

  static DeviceFloats of(NdArray array) {
    return (DeviceFloats) array.storage();
  }

  int arena() {
    return arena;
  }

  int offset() {
    return offset;
  }
}
