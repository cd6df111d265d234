package dev.firesteel.collective;

import java.nio.ByteBuffer;

/** The frames that one exchange sends. */
public interface FrameSource {
  /**
   * Puts the next frame into {@code frame}, an empty direct buffer of {@link Frame#MAX_BYTES};
   * false if there is none left.
   */
  boolean next(ByteBuffer frame);
}
