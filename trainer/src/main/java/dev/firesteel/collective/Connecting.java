package dev.firesteel.collective;

import dev.firesteel.collective.CollectiveFailure.Kind;
import java.io.EOFException;
import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.net.InetSocketAddress;
import java.net.StandardSocketOptions;
import java.nio.channels.SocketChannel;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Sets up a {@link NioTransport}: two connections, one for frames and one for notices, between any
 * two ranks. Each rank connects to those below it and accepts connections from those above. Each
 * connection is verified by a {@link Handshake}, on its own thread if it was accepted, so that a
 * silent stranger blocks nobody.
 */
final class Connecting implements AutoCloseable {
  private static final Logger LOG = LoggerFactory.getLogger(Connecting.class);
  private static final long RETRY_MILLIS = 50;

  /** Size of a socket's buffers in the operating system: a few frames. */
  private static final int SOCKET_BUFFER_BYTES = 4 << 20;

  private final Membership me;
  private final List<InetSocketAddress> addresses;
  private final Duration limit;
  private final long deadline;
  private final SocketChannel[][] channels;
  private final Set<SocketChannel> unproven = ConcurrentHashMap.newKeySet();
  private final ExecutorService threads;
  private final boolean largeBuffers = grantsLargeBuffers();
  private final boolean sharesMemory;
  private boolean done;

  /**
   * @param sharesMemory whether ranks of one machine may exchange frames through shared memory
   */
  Connecting(
      Membership me, List<InetSocketAddress> addresses, Duration limit, boolean sharesMemory) {
    this.me = me;
    this.sharesMemory = sharesMemory;
    this.addresses = addresses;
    this.limit = limit;
    this.deadline = System.nanoTime() + limit.toNanos();
    this.channels = new SocketChannel[me.worldSize()][NioTransport.CHANNELS];
    this.threads =
        Executors.newCachedThreadPool(
            task -> {
              Thread thread = new Thread(task, "firesteel-connecting");
              thread.setDaemon(true);
              return thread;
            });
  }

  NioTransport connect(NioListener listener) throws IOException {
    threads.execute(() -> acceptAll(listener));
    for (int peer = 0; peer < me.rank(); peer++) {
      for (int channel = 0; channel < NioTransport.CHANNELS; channel++) {
        keep(peer, channel, connect(peer, channel));
      }
    }
    awaitAll();
    MemoryLane[] lanes = shareMemory();
    synchronized (this) {
      done = true;
    }
    return new NioTransport(me, channels, lanes);
  }

  /** Both messages are sent to all ranks before any is awaited, so ranks cannot wait in a cycle. */
  private MemoryLane[] shareMemory() {
    SharedMemory[] memories = new SharedMemory[channels.length];
    MemoryLane[] lanes = new MemoryLane[channels.length];
    try {
      eachPeer(
          (peer, frames) -> {
            memories[peer] = sharesMemory ? SharedMemory.offer(frames) : SharedMemory.none();
            send(frames, memories[peer].offer());
          });
      eachPeer(
          (peer, frames) ->
              send(frames, memories[peer].verdict(receive(frames, SharedMemory.OFFER_BYTES))));
      eachPeer(
          (peer, frames) ->
              lanes[peer] =
                  memories[peer].conclude(receive(frames, SharedMemory.VERDICT_BYTES), frames));
      return lanes;
    } finally {
      for (SharedMemory memory : memories) {
        if (memory != null) {
          memory.close();
        }
      }
    }
  }

  /** Per-connection setup for frames. */
  @FunctionalInterface
  private interface WithPeer {
    void run(int peer, SocketChannel frames) throws IOException;
  }

  private void eachPeer(WithPeer body) {
    for (int peer = 0; peer < channels.length; peer++) {
      if (peer != me.rank()) {
        try {
          body.run(peer, channels[peer][NioTransport.FRAMES]);
        } catch (IOException e) {
          throw new CollectiveException(
              unreachable(peer, "its connection ended while ranks connected, %s,".formatted(e)), e);
        }
      }
    }
  }

  private SocketChannel connect(int peer, int channel) {
    while (true) {
      try {
        return tryToConnect(peer, channel);
      } catch (IOException e) {
        // The other process may be slow to answer, but it has published its address: its port is
        // open.
        if (millisLeft() <= RETRY_MILLIS) {
          throw new CollectiveException(
              unreachable(peer, "%s does not let it connect, %s".formatted(addresses.get(peer), e)),
              e);
        }
        pause();
      }
    }
  }

  private SocketChannel tryToConnect(int peer, int channel) throws IOException {
    SocketChannel socket = SocketChannel.open();
    try {
      socket.socket().connect(addresses.get(peer), (int) millisLeft());
      prepare(socket);
      Handshake handshake = Handshake.connecting(me, peer, channel);
      send(socket, handshake.hello());
      send(socket, handshake.proof(receive(socket, Handshake.CHALLENGE_BYTES)));
      handshake.conclude(receive(socket, Handshake.VERDICT_BYTES));
      return socket;
    } catch (IOException | RuntimeException e) {
      socket.close();
      throw e;
    }
  }

  private void acceptAll(NioListener listener) {
    try {
      while (true) {
        SocketChannel socket = listener.accept();
        threads.execute(() -> welcome(socket));
      }
    } catch (IOException e) {
      // The port is closed: all ranks are connected, or the deadline has passed, as awaitAll
      // reports.
      LOG.debug("no more connections are accepted", e);
    }
  }

  private void welcome(SocketChannel socket) {
    unproven.add(socket);
    try {
      prepare(socket);
      Handshake handshake = Handshake.accepting(me);
      byte[] challenge = handshake.challenge(receive(socket, Handshake.HELLO_BYTES));
      send(socket, challenge);
      if (Handshake.refusal(challenge) != null) {
        throw new IOException(Handshake.refusal(challenge));
      }
      send(socket, handshake.verdict(receive(socket, Handshake.PROOF_BYTES)));
      if (!handshake.welcome()) {
        throw new IOException("it does not know the secret of this attempt");
      }
      unproven.remove(socket);
      keep(handshake.peer(), handshake.channel(), socket);
    } catch (IOException e) {
      LOG.warn(
          "Closed a connection to rank {} that did not come from another rank: {}",
          me.rank(),
          e.getMessage());
      unproven.remove(socket);
      NioTransport.closeQuietly(socket);
    }
  }

  private void prepare(SocketChannel socket) throws IOException {
    socket.setOption(StandardSocketOptions.TCP_NODELAY, true);
    socket.setOption(StandardSocketOptions.SO_KEEPALIVE, true);
    if (largeBuffers) {
      requestLargeBuffers(socket);
    }
  }

  private static void requestLargeBuffers(SocketChannel socket) throws IOException {
    socket.setOption(StandardSocketOptions.SO_SNDBUF, SOCKET_BUFFER_BYTES);
    socket.setOption(StandardSocketOptions.SO_RCVBUF, SOCKET_BUFFER_BYTES);
  }

  /**
   * Large buffers save a tenth of the time of a large sum on one machine. But a system that grants
   * less than requested no longer lets the buffers grow on their own, which is worse than not
   * requesting a size. So an unused socket is probed first.
   */
  private static boolean grantsLargeBuffers() {
    try (SocketChannel probe = SocketChannel.open()) {
      requestLargeBuffers(probe);
      return probe.getOption(StandardSocketOptions.SO_SNDBUF) >= SOCKET_BUFFER_BYTES
          && probe.getOption(StandardSocketOptions.SO_RCVBUF) >= SOCKET_BUFFER_BYTES;
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  private static void send(SocketChannel socket, byte[] message) throws IOException {
    socket.socket().getOutputStream().write(message);
  }

  private byte[] receive(SocketChannel socket, int bytes) throws IOException {
    socket.socket().setSoTimeout((int) millisLeft());
    InputStream in = socket.socket().getInputStream();
    byte[] message = in.readNBytes(bytes);
    if (message.length < bytes) {
      throw new EOFException("the other side hung up during the handshake");
    }
    return message;
  }

  /** A rank that connects again has lost its first connection. */
  private synchronized void keep(int peer, int channel, SocketChannel socket) throws IOException {
    if (done || channel < 0 || channel >= NioTransport.CHANNELS) {
      socket.close();
      return;
    }
    if (channels[peer][channel] != null) {
      channels[peer][channel].close();
    }
    channels[peer][channel] = socket;
    notifyAll();
  }

  private synchronized void awaitAll() {
    for (List<Integer> missing = missing(); !missing.isEmpty(); missing = missing()) {
      try {
        long left = deadline - System.nanoTime();
        if (left <= 0) {
          throw new TimeoutException();
        }
        TimeUnit.NANOSECONDS.timedWait(this, left);
      } catch (TimeoutException e) {
        int first = missing.get(0);
        String others =
            missing.size() == 1
                ? ""
                : " (nor did ranks " + missing.subList(1, missing.size()) + ")";
        throw new CollectiveException(
            unreachable(first, "%s did not connect%s".formatted(addresses.get(first), others)), e);
      } catch (InterruptedException e) {
        Thread.currentThread().interrupt();
        throw new CollectiveException("interrupted while ranks connected", e);
      }
    }
  }

  private List<Integer> missing() {
    List<Integer> missing = new ArrayList<>();
    for (int peer = 0; peer < channels.length; peer++) {
      for (SocketChannel channel : channels[peer]) {
        if (peer != me.rank() && channel == null && !missing.contains(peer)) {
          missing.add(peer);
        }
      }
    }
    return missing;
  }

  private CollectiveFailure unreachable(int peer, String how) {
    String reason = "%s within %s s".formatted(how, limit.toMillis() / 1000.0);
    return new CollectiveFailure(Kind.UNREACHABLE, peer, me.rank(), "", -1, reason);
  }

  /** At least 1: a timeout of 0 would mean none. */
  private long millisLeft() {
    return Math.max(1, TimeUnit.NANOSECONDS.toMillis(deadline - System.nanoTime()));
  }

  private static void pause() {
    try {
      Thread.sleep(RETRY_MILLIS);
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new CollectiveException("interrupted while ranks connected", e);
    }
  }

  /** Ends the threads, and all connections that were not handed to a transport. */
  @Override
  public void close() throws IOException {
    threads.shutdownNow();
    unproven.forEach(NioTransport::closeQuietly);
    synchronized (this) {
      if (!done) {
        done = true;
        for (SocketChannel[] ofPeer : channels) {
          for (SocketChannel channel : ofPeer) {
            if (channel != null) {
              channel.close();
            }
          }
        }
      }
    }
  }
}
