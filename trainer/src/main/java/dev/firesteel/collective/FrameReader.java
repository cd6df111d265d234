package dev.firesteel.collective;

import dev.firesteel.collective.CollectiveFailure.Kind;
import java.nio.ByteBuffer;
import java.util.zip.CRC32C;

/** Checks frames, and copies their payload into a range of an operand. */
final class FrameReader implements FrameSink {
  private final int rank;
  private final CRC32C checksum = new CRC32C();
  private Frame.CallId call;
  private Wire wire;
  private int from;
  private int exchange;
  private int next;
  private int end;
  private int index;

  /**
   * @param rank this process's own
   */
  FrameReader(int rank) {
    this.rank = rank;
  }

  /** Expects elements {@code [begin, end)} from rank {@code from}, in one exchange of the call. */
  FrameReader of(Frame.CallId call, int exchange, Wire wire, int from, int begin, int end) {
    this.call = call;
    this.exchange = exchange;
    this.wire = wire;
    this.from = from;
    this.next = begin;
    this.end = end;
    this.index = 0;
    return this;
  }

  /** The number of elements in the next frame of {@code [next, end)}. */
  static int elementsOfNext(Wire wire, int next, int end) {
    return Math.min(end - next, Frame.MAX_PAYLOAD_BYTES / wire.elementBytes());
  }

  @Override
  public int expectedBytes() {
    return next == end && index > 0 ? 0 : Frame.HEADER_BYTES + payloadBytes();
  }

  private int payloadBytes() {
    return elementsOfNext(wire, next, end) * wire.elementBytes();
  }

  @Override
  public void header(ByteBuffer frame) {
    require(Frame.damage(frame, checksum), Kind.DAMAGED);
    require(Frame.difference(frame, call, exchange, index, payloadBytes()), Kind.DESYNCHRONISED);
  }

  @Override
  public void frame(ByteBuffer frame) {
    require(Frame.payloadDamage(frame, checksum), Kind.DAMAGED);
    int count = elementsOfNext(wire, next, end);
    frame.position(Frame.HEADER_BYTES);
    wire.take(next, next + count, frame);
    next += count;
    index++;
  }

  private void require(String wrong, Kind kind) {
    if (wrong != null) {
      throw new CollectiveException(
          new CollectiveFailure(kind, from, rank, call.text(), call.step(), wrong), null);
    }
  }
}
