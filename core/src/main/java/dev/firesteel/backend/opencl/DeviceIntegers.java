package dev.firesteel.backend.opencl;

import dev.firesteel.array.DType;
import dev.firesteel.array.NdArray;
import dev.firesteel.array.Storage;

/**
 * A block of ids, targets or positions in the device's array of integers, which only the host
 * writes and keeps a copy of, for kernels' range checks.
 */
final class DeviceIntegers extends Storage {
  private final int offset;

  DeviceIntegers(int offset, int size) {
    super(DType.I32, size);
    this.offset = offset;
  }

  static DeviceIntegers of(NdArray array) {
    return (DeviceIntegers) array.storage();
  }

  /** The position of an array's first element in the array of integers. */
  static int at(NdArray array) {
    return of(array).offset + Math.toIntExact(array.offset());
  }

  int offset() {
    return offset;
  }
}
