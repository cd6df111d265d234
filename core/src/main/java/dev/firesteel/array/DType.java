package dev.firesteel.array;

/** Element types of arrays on the host side of a backend. */
public enum DType {
  /** IEEE 754 binary32: weights, activations, gradients, optimizer state. */
  F32(4),
  /** IEEE 754 binary64: gradient checks on the reference backend. */
  F64(8),
  /** 32-bit signed integers: token ids and targets. */
  I32(4);

  private final int bytes;

  DType(int bytes) {
    this.bytes = bytes;
  }

  /** Size of an element in bytes. */
  public int bytes() {
    return bytes;
  }
}
