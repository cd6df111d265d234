package dev.firesteel.serve;

import java.io.IOException;
import java.nio.ByteBuffer;
import org.eclipse.jetty.io.AbstractEndPoint;
import org.eclipse.jetty.io.Connection;
import org.eclipse.jetty.io.EndPoint;
import org.eclipse.jetty.server.Request;
import org.eclipse.jetty.util.BufferUtil;
import org.eclipse.jetty.util.Callback;

/**
 * Notices that a client of HTTP/1.1 closes its connection while its request is computed. Jetty
 * reads nothing from a connection between a request's body and the end of its response, and so
 * hears of it only when a write fails; this reads in its place. What a client sends early
 * (pipelining) is handed to the connection, which reads it after the response.
 *
 * <p>A client that only shuts down its sending side counts as gone, as with other servers.
 */
final class ClientWatch implements Callback {
  private static final int BYTES = 4096;

  private final EndPoint endPoint;
  private final Connection connection;
  private final Runnable onGone;
  private boolean closed;

  private ClientWatch(Request request, Runnable onGone) {
    connection = request.getConnectionMetaData().getConnection();
    endPoint = connection.getEndPoint();
    this.onGone = onGone;
  }

  /**
   * Watches the client of a request whose body has been read.
   *
   * @param onGone called at most once, and not after {@link #close}
   */
  static ClientWatch begin(Request request, Runnable onGone) {
    ClientWatch watch = new ClientWatch(request, onGone);
    watch.endPoint.tryFillInterested(watch);
    return watch;
  }

  @Override
  public void succeeded() {
    boolean gone = false;
    synchronized (this) {
      if (closed) {
        return;
      }
      ByteBuffer early = BufferUtil.allocate(BYTES);
      try {
        int filled = endPoint.fill(early);
        if (filled == 0) {
          endPoint.tryFillInterested(this);
        } else if (filled > 0 && connection instanceof Connection.UpgradeTo reader) {
          reader.onUpgradeTo(early);
          closed = true;
        } else {
          gone = true;
        }
      } catch (IOException e) {
        gone = true;
      }
      closed |= gone;
    }
    if (gone) {
      onGone.run();
    }
  }

  @Override
  public void failed(Throwable failure) {
    synchronized (this) {
      if (closed) {
        return;
      }
      closed = true;
    }
    onGone.run();
  }

  /** Ends the watch; before the response is completed, after which the connection reads again. */
  void close() {
    synchronized (this) {
      if (closed) {
        return;
      }
      closed = true;
    }
    if (endPoint instanceof AbstractEndPoint own) {
      own.getFillInterest().onFail(new IllegalStateException("the watch has ended"));
    }
  }
}
