package dev.firesteel.collective;

import java.util.concurrent.TimeUnit;

/**
 * Moves frames between the ranks of one attempt, and notices past them. What frames and notices say
 * is {@link PeerCollective}'s; a transport knows a frame's size alone.
 *
 * <p>Frames between two ranks arrive whole and in order. {@link #exchange} and {@link #awaitNotice}
 * belong to one thread; all other methods may be called by any. After {@link #close} or an
 * exception nothing more is exchanged.
 *
 * <p>A rank whose process ends is noticed by all ranks in an exchange at once, not only by those
 * that exchange with it.
 */
public interface Transport extends AutoCloseable {
  /**
   * How long the notice why a rank is gone is waited for, once its frames have ended: it comes by
   * another connection. Where a process has ended, all its connections have, and nothing is waited
   * for.
   */
  long REASON_NANOS = TimeUnit.SECONDS.toNanos(2);

  /** Who this process is among the ranks; a process of another attempt has no entry. */
  Membership me();

  /** This process's number, from 0. */
  default int rank() {
    return me().rank();
  }

  /** How many processes there are. */
  default int worldSize() {
    return me().worldSize();
  }

  /**
   * Sends all frames of {@code outgoing} to rank {@code to} and, at the same time, takes all that
   * {@code incoming} expects from rank {@code from}, which may be the same rank. Returns when all
   * that is expected has come, and what is sent needs nothing more from this side.
   *
   * @throws TransportException if a rank is lost, nothing comes within {@code timeoutNanos}, a
   *     notice arrives, or the transport is closed meanwhile
   */
  void exchange(int to, FrameSource outgoing, int from, FrameSink incoming, long timeoutNanos)
      throws TransportException;

  /** Tells all other ranks something, past the frames. Returns soon, whatever the others do. */
  void tell(byte[] notice);

  /**
   * Waits for a notice; null after {@code timeoutNanos}.
   *
   * @throws TransportException if a rank is lost or the transport is closed meanwhile
   */
  Notice awaitNotice(long timeoutNanos) throws TransportException;

  /** Tells all other ranks that this one is done, and ends all connections. */
  @Override
  void close();

  /** What rank {@code from} told. */
  final class Notice {
    private final int from;
    private final byte[] content;

    public Notice(int from, byte[] content) {
      this.from = from;
      this.content = content.clone();
    }

    public int from() {
      return from;
    }

    public byte[] content() {
      return content.clone();
    }
  }
}
