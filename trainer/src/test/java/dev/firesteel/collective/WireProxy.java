package dev.firesteel.collective;

import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.io.UncheckedIOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.ServerSocket;
import java.net.Socket;
import java.util.List;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.atomic.AtomicLong;

/** Stands between two processes: counts the bytes, and may cut, stop or change what passes. */
final class WireProxy implements AutoCloseable {
  private final InetSocketAddress target;
  private final Fault fault;
  private final ServerSocket server;
  private final List<Socket> sockets = new CopyOnWriteArrayList<>();
  private final AtomicLong passed = new AtomicLong();
  private final ExecutorService threads = Executors.newCachedThreadPool();

  /** What happens to some of the bytes. */
  @FunctionalInterface
  interface Fault {
    /**
     * Looks at bytes before they pass.
     *
     * @param before bytes that have passed, in both directions and on all connections
     * @param bytes the next ones; may be changed
     * @return false to hold them, and all later ones, back
     */
    boolean pass(WireProxy proxy, long before, byte[] bytes, int count);
  }

  WireProxy(InetSocketAddress target, Fault fault) throws IOException {
    this.target = target;
    this.fault = fault;
    this.server = new ServerSocket(0, 0, InetAddress.getLoopbackAddress());
    threads.execute(this::accept);
  }

  InetSocketAddress address() {
    return (InetSocketAddress) server.getLocalSocketAddress();
  }

  private void accept() {
    try {
      while (true) {
        Socket in = server.accept();
        sockets.add(in);
        Socket out = new Socket(target.getAddress(), target.getPort());
        sockets.add(out);
        threads.execute(() -> forward(in, out));
        threads.execute(() -> forward(out, in));
      }
    } catch (IOException e) {
      // The proxy is closed, or the target does not listen any more.
      cut();
    }
  }

  private void forward(Socket from, Socket to) {
    byte[] bytes = new byte[1 << 16];
    try {
      InputStream in = from.getInputStream();
      OutputStream out = to.getOutputStream();
      for (int count = in.read(bytes); count >= 0; count = in.read(bytes)) {
        if (!fault.pass(this, passed.getAndAdd(count), bytes, count)) {
          return;
        }
        out.write(bytes, 0, count);
      }
      to.shutdownOutput();
    } catch (IOException e) {
      // This direction has ended, no other: what a rank tells as it closes is still on its way on
      // the connection for notices.
      endQuietly(to);
    }
  }

  private static void endQuietly(Socket to) {
    try {
      to.shutdownOutput();
    } catch (IOException e) {
      // Closed from the other side before.
    }
  }

  /** Ends all connections, as the end of a process does. */
  void cut() {
    for (Socket socket : sockets) {
      try {
        socket.close();
      } catch (IOException e) {
        throw new UncheckedIOException(e);
      }
    }
  }

  @Override
  public void close() throws IOException {
    server.close();
    cut();
    threads.shutdownNow();
  }
}
