package dev.firesteel.collective;

import java.io.EOFException;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.SelectionKey;
import java.nio.channels.SocketChannel;

/**
 * Frames through shared memory between two processes of one machine, with a {@link FrameRing} for
 * each direction. The connection carries no frames, only wake-up bytes, so that a waiting rank can
 * sleep; when it closes, the other process has ended, as usual.
 */
final class MemoryLane implements Lane {
  private final SocketChannel connection;
  private final FrameRing outgoingFrames;
  private final FrameRing incomingFrames;
  private final ByteBuffer call = ByteBuffer.allocateDirect(1);
  private final ByteBuffer heard = ByteBuffer.allocateDirect(256);
  private ByteBuffer frame;
  private boolean sent = true;
  private int expectedBytes;

  /** How the other side's connection closed; null while it is open. */
  private IOException end;

  MemoryLane(SocketChannel connection, FrameRing outgoingFrames, FrameRing incomingFrames) {
    this.connection = connection;
    this.outgoingFrames = outgoingFrames;
    this.incomingFrames = incomingFrames;
  }

  @Override
  public boolean fill(FrameSource outgoing) {
    sent = !outgoing.next(outgoingFrames.free());
    return !sent;
  }

  @Override
  public boolean send() throws IOException {
    if (!outgoingFrames.publish()) {
      listen();
      if (!outgoingFrames.publish()) {
        return requireOpen();
      }
    }
    sent = true;
    wake();
    return true;
  }

  @Override
  public boolean hasSent() {
    return sent;
  }

  @Override
  public boolean expect(FrameSink incoming) {
    frame = null;
    expectedBytes = incoming.expectedBytes();
    return expectedBytes > 0;
  }

  @Override
  public boolean receive(FrameSink incoming) throws IOException {
    frame = incomingFrames.next();
    if (frame == null) {
      listen();
      // Once more: frames published before the other side closed still count.
      frame = incomingFrames.next();
      if (frame == null) {
        return requireOpen();
      }
    }
    frame.clear().limit(expectedBytes);
    incoming.header(frame);
    return true;
  }

  @Override
  public boolean hasReceived() {
    return frame != null;
  }

  @Override
  public void deliver(FrameSink incoming) {
    incoming.frame(frame);
    incomingFrames.release();
    wake();
  }

  @Override
  public int sendingOps() {
    return SelectionKey.OP_READ;
  }

  /** If the byte does not fit, it is not needed: earlier ones are still unread. */
  private void wake() {
    try {
      call.clear();
      connection.write(call);
    } catch (IOException e) {
      // Frames published before the other side closed can still be read.
      end = e;
    }
  }

  private void listen() {
    try {
      int count;
      do {
        heard.clear();
        count = connection.read(heard);
      } while (count > 0);
      if (count < 0) {
        end = new EOFException();
      }
    } catch (IOException e) {
      end = e;
    }
  }

  /** False: nothing has moved yet. */
  private boolean requireOpen() throws IOException {
    if (end != null) {
      throw end;
    }
    return false;
  }
}
