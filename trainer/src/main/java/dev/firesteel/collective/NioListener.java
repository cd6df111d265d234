package dev.firesteel.collective;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.nio.channels.ServerSocketChannel;
import java.nio.channels.SocketChannel;
import java.time.Duration;
import java.util.List;

/** Listens for the connections of a {@link NioTransport}. */
public final class NioListener implements TransportListener {
  private final ServerSocketChannel server;
  private final InetSocketAddress address;
  private final boolean sharesMemory;

  private NioListener(ServerSocketChannel server, boolean sharesMemory) throws IOException {
    this.server = server;
    this.sharesMemory = sharesMemory;
    this.address = (InetSocketAddress) server.getLocalAddress();
  }

  /**
   * Opens a free port. Frames between ranks of one machine go through shared memory if possible,
   * all others over sockets.
   *
   * @param bind the address of this machine at which the other ranks reach it
   */
  public static NioListener open(InetAddress bind) throws IOException {
    return open(bind, true);
  }

  /** Like {@link #open}, but all frames go over sockets. */
  public static NioListener openForSockets(InetAddress bind) throws IOException {
    return open(bind, false);
  }

  private static NioListener open(InetAddress bind, boolean sharesMemory) throws IOException {
    ServerSocketChannel server = ServerSocketChannel.open();
    try {
      server.bind(new InetSocketAddress(bind, 0));
      return new NioListener(server, sharesMemory);
    } catch (IOException e) {
      server.close();
      throw e;
    }
  }

  @Override
  public InetSocketAddress address() {
    return address;
  }

  @Override
  public NioTransport join(Membership me, List<InetSocketAddress> addresses, Duration deadline) {
    if (addresses.size() != me.worldSize()) {
      throw new IllegalArgumentException(
          "there must be one address for each of %d ranks, got %d"
              .formatted(me.worldSize(), addresses.size()));
    }
    try (this;
        Connecting connecting = new Connecting(me, addresses, deadline, sharesMemory)) {
      return connecting.connect(this);
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  /** Waits for a connection. */
  SocketChannel accept() throws IOException {
    return server.accept();
  }

  @Override
  public void close() throws IOException {
    server.close();
  }
}
