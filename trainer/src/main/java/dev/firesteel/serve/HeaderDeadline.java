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

  /** What has come from a connection. */
  private static final class Progress {
    private long requests;
    private long bytes;

    /** When bytes were first seen that are of no request yet; 0 if there are none. */
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

  /** Open connections. */
  int open() {
    return connections.size();
  }

  /** Closes those that have been too slow. */
  void check() {
    long now = System.nanoTime();
    connections.forEach((connection, progress) -> check(connection, progress, now));
  }

  private void check(Connection connection, Progress progress, long now) {
    long requests = connection.getMessagesIn();
    long bytes = connection.getBytesIn();
    if (requests != progress.requests) {
      progress.requests = requests;
      progress.bytes = bytes;
      progress.since = 0;
    } else if (bytes == progress.bytes) {
      progress.since = 0;
    } else if (progress.since == 0) {
      progress.since = now;
    } else if (now - progress.since > mostNanos) {
      connection.getEndPoint().close();
    }
  }
}
