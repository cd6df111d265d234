package dev.firesteel.collective;

import java.nio.ByteBuffer;

/**
 * What one exchange expects to come. Methods throw {@link CollectiveException} for a frame that is
 * damaged or another one than expected.
 */
public interface FrameSink {
  /** The size in bytes of the next frame, header included; 0 if nothing more is expected. */
  int expectedBytes();

  /**
   * Checks the first {@link Frame#HEADER_BYTES} of a frame. They come before the rest is waited
   * for, since a rank that is out of step may send less than is expected.
   */
  void header(ByteBuffer frame);

  /** Takes the whole frame, from the buffer's start to its limit. */
  void frame(ByteBuffer frame);
}
