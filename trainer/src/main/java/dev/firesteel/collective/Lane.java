package dev.firesteel.collective;

import java.io.EOFException;
import java.io.IOException;

/**
 * Moves frames to one rank and from it, one at a time in each direction, without waiting. Methods
 * that move something throw {@link EOFException} where the other side has hung up, another {@link
 * IOException} where the connection broke.
 */
interface Lane {
  /** Makes the next frame ready to leave; false if there is none. */
  boolean fill(FrameSource outgoing);

  /** Moves what can be moved of the frame; false if that is nothing. */
  boolean send() throws IOException;

  /** Whether the frame has left. */
  boolean hasSent();

  /** Makes room for the next frame; false if none is expected. */
  boolean expect(FrameSink incoming);

  /** Moves what has come of the frame, and lets its header be checked; false if that is nothing. */
  boolean receive(FrameSink incoming) throws IOException;

  /** Whether the whole frame has come. */
  boolean hasReceived();

  /** Hands the whole frame over. */
  void deliver(FrameSink incoming);

  /** What of the connection's readiness a frame waits for that cannot leave. */
  int sendingOps();
}
