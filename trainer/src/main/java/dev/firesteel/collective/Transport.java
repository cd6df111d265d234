package dev.firesteel.collective;

import java.util.concurrent.TimeUnit;

/**
 * Moves frames between the ranks of one attempt, and out-of-band notices. Their content is defined
 * by {@link PeerCollective}; a transport only knows a frame's size.
 *
 * <p>Frames between two ranks arrive complete and in order. {@link #exchange} and {@link
 * #awaitNotice} are confined to one thread; all other methods may be called by any. After {@link
 * #close} or an exception nothing more is exchanged.
 *
 * <p>When a rank's process ends, all ranks in an exchange notice it at once, not only those that
 * exchange with it.
 */
public interface Transport extends AutoCloseable {
  /**
   * How long to wait for the notice that explains why a rank is gone, once its frame connection has
   * closed: the notice comes on another connection. If the process has ended, all its connections
   * have closed, and there is no wait.
   */
  long REASON_NANOS = TimeUnit.SECONDS.toNanos(2);

  /** This process's identity among the ranks; a process of another attempt cannot join. */
  Membership me();

  /** This process's number, from 0. */
  default int rank() {
    return me().rank();
  }

  /** The number of processes. */
  default int worldSize() {
    return me().worldSize();
  }

  /**
   * Sends all frames of {@code outgoing} to rank {@code to} and, at the same time, receives all
   * that {@code incoming} expects from rank {@code from}, which may be the same rank. Returns when
   * everything expected has arrived, and sending needs nothing more from this side.
   *
   * @throws TransportException if a rank is lost, nothing arrives within {@code timeoutNanos}, a
   *     notice arrives, or the transport is closed meanwhile
   */
  void exchange(int to, FrameSource outgoing, int from, FrameSink incoming, long timeoutNanos)
      throws TransportException;

  /** Sends a notice to all other ranks, out of band. Returns quickly, regardless of the others. */
  void tell(byte[] notice);

  /**
   * Waits for a notice; null after {@code timeoutNanos}.
   *
   * @throws TransportException if a rank is lost or the transport is closed meanwhile
   */
  Notice awaitNotice(long timeoutNanos) throws TransportException;

  /** Announces to all other ranks that this one is done, and closes all connections. */
  @Override
  void close();

  /** A notice from rank {@code from}. */
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
