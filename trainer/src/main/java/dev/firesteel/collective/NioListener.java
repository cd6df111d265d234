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

  private NioListener(ServerSocketChannel server) throws IOException {
    this.server = server;
    this.address = (InetSocketAddress) server.getLocalAddress();
  }

  /**
   * Opens a free port.
   *
   * @param bind the address of this machine by which the other ranks reach it
   */
  public static NioListener open(InetAddress bind) throws IOException {
    ServerSocketChannel server = ServerSocketChannel.open();
    try {
      server.bind(new InetSocketAddress(bind, 0));
      return new NioListener(server);
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
        Connecting connecting = new Connecting(me, addresses, deadline)) {
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
