package dev.firesteel.benchmarks;

import dev.firesteel.collective.GradientFormat;
import dev.firesteel.collective.Membership;
import dev.firesteel.collective.NioListener;
import dev.firesteel.collective.PeerCollective;
import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.StandardSocketOptions;
import java.nio.ByteBuffer;
import java.nio.channels.ServerSocketChannel;
import java.nio.channels.SocketChannel;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;

/**
 * One process of {@link CollectiveBenchmark}. Tells its two ports, reads those of all ranks, then
 * answers each command with the nanoseconds it took.
 */
final class CollectiveRank {
  static final String SOCKETS = "sockets";
  static final String COLLECTIVE = "collective";

  /** The way of frames through memory that processes share. */
  static final String MEMORY = "memory";

  private static final Duration LONG = Duration.ofMinutes(5);
  private static final int CHUNK = 1 << 20;

  private final int rank;
  private final long bytes;
  private final float[] values;
  private final PeerCollective collective;
  private final SocketChannel partner;
  private long step;
  private final ExecutorService sender = Executors.newSingleThreadExecutor();
  private final ByteBuffer outgoing = ByteBuffer.allocateDirect(CHUNK);
  private final ByteBuffer incoming = ByteBuffer.allocateDirect(CHUNK);

  private CollectiveRank(
      int rank, int ranks, int floats, GradientFormat format, String way, BufferedReader in)
      throws IOException {
    this.rank = rank;
    this.bytes = 2L * (ranks - 1) * floats * Float.BYTES / ranks;
    this.values = new float[floats];
    InetAddress here = InetAddress.getLoopbackAddress();
    try (NioListener listener = listen(way, here);
        ServerSocketChannel server = ServerSocketChannel.open()) {
      server.bind(new InetSocketAddress(here, 0));
      int port = ((InetSocketAddress) server.getLocalAddress()).getPort();
      System.out.println(listener.address().getPort() + ":" + port);
      List<InetSocketAddress> addresses = new ArrayList<>();
      List<InetSocketAddress> bare = new ArrayList<>();
      for (String ports : in.readLine().split(" ", -1)) {
        String[] both = ports.split(":", -1);
        addresses.add(new InetSocketAddress(here, Integer.parseInt(both[0])));
        bare.add(new InetSocketAddress(here, Integer.parseInt(both[1])));
      }
      byte[] secret = new byte[Membership.SECRET_BYTES];
      Membership me = new Membership(0, rank, ranks, secret);
      this.collective = new PeerCollective(listener.join(me, addresses, LONG), LONG, format);
      this.partner = rank % 2 == 0 ? server.accept() : SocketChannel.open(bare.get(rank - 1));
      partner.setOption(StandardSocketOptions.TCP_NODELAY, true);
    }
  }

  private static NioListener listen(String way, InetAddress here) throws IOException {
    return switch (way) {
      case MEMORY -> NioListener.open(here);
      case SOCKETS -> NioListener.openForSockets(here);
      default -> throw new IOException("frames go by memory or sockets, got ways=" + way);
    };
  }

  /** Arguments: rank, number of ranks, length of the array, format of gradients, way of frames. */
  public static void main(String[] args)
      throws IOException, InterruptedException, ExecutionException {
    BufferedReader in =
        new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));
    CollectiveRank me =
        new CollectiveRank(
            Integer.parseInt(args[0]),
            Integer.parseInt(args[1]),
            Integer.parseInt(args[2]),
            GradientFormat.valueOf(args[3]),
            args[4],
            in);
    for (String command = in.readLine(); command != null; command = in.readLine()) {
      me.collective.barrier();
      long start = System.nanoTime();
      switch (command) {
        case SOCKETS -> me.sockets();
        case COLLECTIVE -> me.sum();
        default -> throw new IOException("rank " + me.rank + " knows no " + command);
      }
      System.out.println(System.nanoTime() - start);
    }
    me.collective.close();
    me.partner.close();
    me.sender.shutdown();
  }

  private void sum() {
    collective.enterStep(step++);
    collective.reduceScatter(values, 0, values.length).await();
    collective.allGather(values, 0, values.length).await();
  }

  /** Both directions at once, a thread for each. */
  private void sockets() throws IOException, InterruptedException, ExecutionException {
    Future<?> sent =
        sender.submit(
            () -> {
              for (long left = bytes; left > 0; ) {
                outgoing.clear().limit((int) Math.min(left, CHUNK));
                while (outgoing.hasRemaining()) {
                  left -= partner.write(outgoing);
                }
              }
              return null;
            });
    for (long left = bytes; left > 0; ) {
      incoming.clear().limit((int) Math.min(left, CHUNK));
      int count = partner.read(incoming);
      if (count < 0) {
        throw new IOException("the partner of rank " + rank + " hung up");
      }
      left -= count;
    }
    sent.get();
  }
}
