package dev.firesteel.collective;

import java.nio.ByteBuffer;
import java.util.zip.CRC32C;

/** Splits a range of an operand into frames. Sends at least one frame, so that ranks notice. */
final class FrameWriter implements FrameSource {
  private final CRC32C checksum = new CRC32C();
  private Frame.CallId call;
  private Wire wire;
  private int exchange;
  private int next;
  private int end;
  private int index;

  /** Starts with elements {@code [begin, end)}, in one exchange of the call. */
  FrameWriter of(Frame.CallId call, int exchange, Wire wire, int begin, int end) {
    this.call = call;
    this.exchange = exchange;
    this.wire = wire;
    this.next = begin;
    this.end = end;
    this.index = 0;
    return this;
  }

  @Override
  public boolean next(ByteBuffer frame) {
    if (next == end && index > 0) {
      return false;
    }
    int count = FrameReader.elementsOfNext(wire, next, end);
    frame.clear().position(Frame.HEADER_BYTES);
    wire.put(next, next + count, frame);
    frame.position(Frame.HEADER_BYTES + count * wire.elementBytes());
    Frame.seal(frame, call, exchange, index, checksum);
    next += count;
    index++;
    return true;
  }
}
