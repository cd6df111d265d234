package dev.firesteel.collective;

import java.nio.ByteBuffer;

/** The encoding of a range of a call's operand in frames, and how received frames are applied. */
interface Wire {
  /** Bytes per element in a frame. */
  int elementBytes();

  /** Encodes elements {@code [begin, end)} into {@code payload}. */
  void put(int begin, int end, ByteBuffer payload);

  /** Decodes elements {@code [begin, end)} from {@code payload}. */
  void take(int begin, int end, ByteBuffer payload);
}
