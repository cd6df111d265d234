package dev.firesteel.serve;

import java.time.Duration;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import org.eclipse.jetty.io.Connection;

/**
 * Closes connections whose request's head arrives too slowly: a byte now and then keeps a
 * connection from being idle, and would hold it for ever ("slow loris"). Called every second or so.
 */
final class HeaderDeadline implements Connection.Listener {
  private final long mostNanos;
  private final Map<Connection, Progress> connections = new ConcurrentHashMap<>();

  /** What has come from a connection; guarded by itself. */
  private static final class Progress {
    /** Requests being answered: what comes meanwhile is their bodies. */
    private int answering;

    /** Bytes that came up to the end of the last request. */
    private long bytes;

    /** When more were first seen; 0 if there are none. */
    private long since;
  }

  HeaderDeadline(Duration most) {
    mostNanos = most.toNanos();
  }

  @Override
  public void onOpened(Connection connection) {
    connections.put(connection, new Progress());
  }

  @Override
  public void onClosed(Connection connection) {
    connections.remove(connection);
  }

  /** The head of a request has arrived. */
  void began(Connection connection) {
    Progress progress = connections.get(connection);
    if (progress != null) {
      synchronized (progress) {
        progress.answering++;
      }
    }
  }

  /** A request has been answered. */
  void ended(Connection connection) {
    Progress progress = connections.get(connection);
    if (progress != null) {
      synchronized (progress) {
        progress.answering--;
        progress.bytes = connection.getBytesIn();
        progress.since = 0;
      }
    }
  }

  /** Closes those that have been too slow. */
  void check() {
    long now = System.nanoTime();
    connections.forEach(
        (connection, progress) -> {
          if (isTooSlow(connection, progress, now)) {
            connection.getEndPoint().close();
          }
        });
  }

  private boolean isTooSlow(Connection connection, Progress progress, long now) {
    synchronized (progress) {
      if (progress.answering > 0 || connection.getBytesIn() == progress.bytes) {
        progress.since = 0;
        return false;
      }
      if (progress.since == 0) {
        progress.since = now;
      }
      return now - progress.since > mostNanos;
    }
  }
}
