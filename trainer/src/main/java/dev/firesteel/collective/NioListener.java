package dev.firesteel.collective;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.nio.channels.ServerSocketChannel;
import java.nio.channels.SocketChannel;
import java.time.Duration;
import java.util.List;

/**
 * An open port of a process that does not know its rank yet: ranks are given out once all addresses
 * are known. The port stays open from here to {@link #join}, so no other process can take it in
 * between.
 */
public final class NioListener implements AutoCloseable {
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

  /** Where the other ranks find this process. */
  public InetSocketAddress address() {
    return address;
  }

  /**
   * Connects with all other ranks, and closes the port.
   *
   * @param addresses where each rank listens, in order of rank
   * @param deadline how long all connections together may take
   * @throws CollectiveException if a rank cannot be reached, does not come, or refuses this process
   */
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
