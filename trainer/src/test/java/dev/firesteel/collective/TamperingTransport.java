package dev.firesteel.collective;

import java.nio.ByteBuffer;
import java.util.concurrent.atomic.AtomicInteger;

/** Hands all on to a true transport, but may do something to the frames that this rank sends. */
final class TamperingTransport implements Transport {
  private final Transport transport;
  private final Tampering tampering;
  private final AtomicInteger frames = new AtomicInteger();

  /** What happens to the n-th frame, from 0, before it leaves. */
  @FunctionalInterface
  interface Tampering {
    void apply(int n, ByteBuffer frame);
  }

  TamperingTransport(Transport transport, Tampering tampering) {
    this.transport = transport;
    this.tampering = tampering;
  }

  /** Frames that have been sent. */
  int frames() {
    return frames.get();
  }

  @Override
  public Membership me() {
    return transport.me();
  }

  @Override
  public void exchange(
      int to, FrameSource outgoing, int from, FrameSink incoming, long timeoutNanos)
      throws TransportException {
    FrameSource tampered =
        frame -> {
          boolean more = outgoing.next(frame);
          if (more) {
            tampering.apply(frames.getAndIncrement(), frame);
          }
          return more;
        };
    transport.exchange(to, tampered, from, incoming, timeoutNanos);
  }

  @Override
  public void tell(byte[] notice) {
    transport.tell(notice);
  }

  @Override
  public Notice awaitNotice(long timeoutNanos) throws TransportException {
    return transport.awaitNotice(timeoutNanos);
  }

  @Override
  public void close() {
    transport.close();
  }
}
