package dev.firesteel.collective;

import java.io.EOFException;
import java.io.IOException;

/**
 * Moves frames to and from one rank, one at a time in each direction, without blocking. Methods
 * that move data throw {@link EOFException} if the other side has closed, and another {@link
 * IOException} if the connection broke.
 */
interface Lane {
  /** Prepares the next frame for sending; false if there is none. */
  boolean fill(FrameSource outgoing);

  /** Sends as much of the frame as possible; false if that is nothing. */
  boolean send() throws IOException;

  /** Whether the frame has been sent. */
  boolean hasSent();

  /** Prepares to receive the next frame; false if none is expected. */
  boolean expect(FrameSink incoming);

  /** Receives what has arrived of the frame, and has its header checked; false if nothing has. */
  boolean receive(FrameSink incoming) throws IOException;

  /** Whether the whole frame has been received. */
  boolean hasReceived();

  /** Delivers the whole frame. */
  void deliver(FrameSink incoming);

  /** The selector operations to wait for while a frame cannot be sent. */
  int sendingOps();
}
