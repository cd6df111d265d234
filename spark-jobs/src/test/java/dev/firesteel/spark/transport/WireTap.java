package dev.firesteel.spark.transport;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.io.UncheckedIOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.ServerSocket;
import java.net.Socket;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.Arrays;
import java.util.List;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;

/** Stands between two processes and keeps all that it hears. */
final class WireTap implements AutoCloseable {
  private final InetSocketAddress target;
  private final ServerSocket server;
  private final List<Socket> sockets = new CopyOnWriteArrayList<>();
  private final List<ByteArrayOutputStream> heard = new CopyOnWriteArrayList<>();
  private final ExecutorService threads = Executors.newCachedThreadPool();

  WireTap(InetSocketAddress target) throws IOException {
    this.target = target;
    this.server = new ServerSocket(0, 0, InetAddress.getLoopbackAddress());
    threads.execute(this::accept);
  }

  InetSocketAddress address() {
    return (InetSocketAddress) server.getLocalSocketAddress();
  }

  /** All that has passed. */
  long bytes() {
    return heard.stream().mapToLong(ByteArrayOutputStream::size).sum();
  }

  /** Whether some value passed as it is, twice in a row, in the byte order of frames. */
  boolean saw(float value) {
    ByteBuffer twice = ByteBuffer.allocate(2 * Float.BYTES).order(ByteOrder.LITTLE_ENDIAN);
    byte[] pattern = twice.putFloat(value).putFloat(value).array();
    return heard.stream().anyMatch(stream -> contains(stream.toByteArray(), pattern));
  }

  private static boolean contains(byte[] bytes, byte[] pattern) {
    for (int i = 0; i + pattern.length <= bytes.length; i++) {
      if (Arrays.equals(bytes, i, i + pattern.length, pattern, 0, pattern.length)) {
        return true;
      }
    }
    return false;
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
      // The tap is closed.
      closeAll();
    }
  }

  private void forward(Socket from, Socket to) {
    ByteArrayOutputStream copy = new ByteArrayOutputStream();
    heard.add(copy);
    byte[] bytes = new byte[1 << 16];
    try {
      InputStream in = from.getInputStream();
      OutputStream out = to.getOutputStream();
      for (int count = in.read(bytes); count >= 0; count = in.read(bytes)) {
        copy.write(bytes, 0, count);
        out.write(bytes, 0, count);
      }
      to.shutdownOutput();
    } catch (IOException e) {
      // This direction has ended, no other.
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

  private void closeAll() {
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
    closeAll();
    threads.shutdownNow();
  }
}
