package dev.firesteel.collective;

import java.nio.ByteBuffer;

/**
 * The frames that one exchange expects. Methods throw {@link CollectiveException} for a frame that
 * is damaged or not the expected one.
 */
public interface FrameSink {
  /** The size in bytes of the next frame, header included; 0 if nothing more is expected. */
  int expectedBytes();

  /**
   * Checks the first {@link Frame#HEADER_BYTES} of a frame before the rest has arrived, because a
   * rank that is out of step may send less than expected.
   */
  void header(ByteBuffer frame);

  /** Consumes the complete frame, from the buffer's start to its limit. */
  void frame(ByteBuffer frame);
}
