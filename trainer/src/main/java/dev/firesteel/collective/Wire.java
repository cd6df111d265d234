package dev.firesteel.collective;

import java.nio.ByteBuffer;

/** How a range of a call's operand goes into frames, and what comes in frames into the operand. */
interface Wire {
  /** Bytes that one element takes in a frame. */
  int elementBytes();

  /** Puts elements {@code [begin, end)} into {@code payload}. */
  void put(int begin, int end, ByteBuffer payload);

  /** Takes elements {@code [begin, end)} from {@code payload}. */
  void take(int begin, int end, ByteBuffer payload);
}
