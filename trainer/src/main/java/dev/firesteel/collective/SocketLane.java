package dev.firesteel.collective;

import java.io.EOFException;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.SelectionKey;
import java.nio.channels.SocketChannel;

/** Frames as bytes of a connection. */
final class SocketLane implements Lane {
  private final SocketChannel socket;
  private final ByteBuffer outgoingFrame;
  private final ByteBuffer incomingFrame;

  /**
   * @param outgoingFrame a direct buffer of {@link Frame#MAX_BYTES}; lanes that are not used at the
   *     same time may share it
   * @param incomingFrame likewise
   */
  SocketLane(SocketChannel socket, ByteBuffer outgoingFrame, ByteBuffer incomingFrame) {
    this.socket = socket;
    this.outgoingFrame = outgoingFrame;
    this.incomingFrame = incomingFrame;
  }

  @Override
  public boolean fill(FrameSource outgoing) {
    outgoingFrame.clear();
    boolean more = outgoing.next(outgoingFrame);
    outgoingFrame.flip();
    return more;
  }

  @Override
  public boolean send() throws IOException {
    return socket.write(outgoingFrame) > 0;
  }

  @Override
  public boolean hasSent() {
    return !outgoingFrame.hasRemaining();
  }

  @Override
  public boolean expect(FrameSink incoming) {
    int bytes = incoming.expectedBytes();
    incomingFrame.clear().limit(bytes);
    return bytes > 0;
  }

  @Override
  public boolean receive(FrameSink incoming) throws IOException {
    int before = incomingFrame.position();
    int count = socket.read(incomingFrame);
    if (count < 0) {
      throw new EOFException();
    }
    if (before < Frame.HEADER_BYTES && incomingFrame.position() >= Frame.HEADER_BYTES) {
      incoming.header(incomingFrame);
    }
    return count > 0;
  }

  @Override
  public boolean hasReceived() {
    return !incomingFrame.hasRemaining();
  }

  @Override
  public void deliver(FrameSink incoming) {
    incoming.frame(incomingFrame);
  }

  @Override
  public int sendingOps() {
    return SelectionKey.OP_WRITE;
  }
}
