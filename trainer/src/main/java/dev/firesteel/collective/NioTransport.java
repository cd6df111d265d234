package dev.firesteel.collective;

import java.io.Closeable;
import java.io.EOFException;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.ByteBuffer;
import java.nio.channels.CancelledKeyException;
import java.nio.channels.ClosedSelectorException;
import java.nio.channels.SelectionKey;
import java.nio.channels.Selector;
import java.nio.channels.SocketChannel;
import java.util.ArrayDeque;
import java.util.Arrays;
import java.util.List;
import java.util.Queue;
import java.util.concurrent.TimeUnit;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Frames over plain, unencrypted sockets: two connections between any two ranks, one for frames and
 * one for notices, so that a notice can overtake a frame that is stuck. One thread sends and
 * receives concurrently without blocking, driven by one {@link Selector}. Ranks of one machine may
 * use {@link SharedMemory} for frames; their connection then only wakes the other side.
 *
 * <p>When a process ends, its sockets close: every rank in an exchange sees that immediately on the
 * connection for notices.
 *
 * <p>Memory: two direct buffers of {@link Frame#MAX_BYTES}, and 16 KiB for each rank; outside the
 * process up to 8 MiB of socket buffers for each connection that carries frames, and 4 MiB of
 * shared memory for each rank on the same machine (which each maps for the other).
 */
public final class NioTransport implements Transport {
  /** Connections between two ranks. */
  static final int CHANNELS = 2;

  static final int FRAMES = 0;
  private static final int NOTICES = 1;

  private static final Logger LOG = LoggerFactory.getLogger(NioTransport.class);

  private final Membership me;
  private final Selector selector;
  private final Link[] links;
  private final Queue<Notice> notices = new ArrayDeque<>();
  private volatile boolean closed;

  /**
   * @param channels to each rank, {@link #CHANNELS}
   * @param shared each rank's lane through shared memory; null for ranks that use the socket
   */
  NioTransport(Membership me, SocketChannel[][] channels, MemoryLane[] shared) throws IOException {
    this.me = me;
    this.selector = Selector.open();
    this.links = new Link[me.worldSize()];
    ByteBuffer outgoingFrame = ByteBuffer.allocateDirect(Frame.MAX_BYTES);
    ByteBuffer incomingFrame = ByteBuffer.allocateDirect(Frame.MAX_BYTES);
    for (int peer = 0; peer < links.length; peer++) {
      if (peer != me.rank()) {
        Lane lane =
            shared[peer] == null
                ? new SocketLane(channels[peer][FRAMES], outgoingFrame, incomingFrame)
                : shared[peer];
        links[peer] = new Link(peer, channels[peer], lane);
      }
    }
    LOG.info(
        "Frames to ranks {} go through shared memory, to others over sockets", ranksByMemory());
  }

  @Override
  public Membership me() {
    return me;
  }

  /** The ranks whose frames go through shared memory. */
  List<Integer> ranksByMemory() {
    return Arrays.stream(links)
        .filter(link -> link != null && link.lane instanceof MemoryLane)
        .map(link -> link.peer)
        .toList();
  }

  @Override
  public void exchange(
      int to, FrameSource outgoing, int from, FrameSink incoming, long timeoutNanos)
      throws TransportException {
    long deadline = System.nanoTime() + timeoutNanos;
    select(0);
    heedNotices();
    Link receiver = links[to];
    Link sender = links[from];
    boolean sending = receiver.lane.fill(outgoing);
    boolean receiving = sender.lane.expect(incoming);
    while (sending || receiving) {
      boolean moved = false;
      if (sending) {
        moved = send(receiver);
        if (receiver.lane.hasSent()) {
          sending = receiver.lane.fill(outgoing);
        }
      }
      if (receiving) {
        moved |= receive(sender, incoming);
        if (sender.lane.hasReceived()) {
          sender.lane.deliver(incoming);
          receiving = sender.lane.expect(incoming);
        }
      }
      if (!moved) {
        awaitReady(sending ? receiver : null, receiving ? sender : null, deadline);
      }
    }
  }

  private boolean send(Link to) throws TransportException {
    try {
      return to.lane.send();
    } catch (IOException e) {
      throw ended(to, e);
    }
  }

  private boolean receive(Link from, FrameSink incoming) throws TransportException {
    try {
      return from.lane.receive(incoming);
    } catch (IOException e) {
      throw ended(from, e);
    }
  }

  private void awaitReady(Link to, Link from, long deadline) throws TransportException {
    long left = deadline - System.nanoTime();
    if (left <= 0) {
      throw TransportException.silent(from == null ? to.peer : from.peer);
    }
    try {
      if (to != null) {
        to.framesKey.interestOpsOr(to.lane.sendingOps());
      }
      if (from != null) {
        from.framesKey.interestOpsOr(SelectionKey.OP_READ);
      }
      select(left);
      if (to != null) {
        to.framesKey.interestOps(0);
      }
      if (from != null) {
        from.framesKey.interestOps(0);
      }
    } catch (CancelledKeyException e) {
      throw TransportException.closed(me.rank());
    }
    heedNotices();
  }

  /** Reads whatever has arrived for this rank besides frames. */
  private void select(long nanos) throws TransportException {
    try {
      if (nanos <= 0) {
        selector.selectNow(this::readNotices);
      } else {
        selector.select(this::readNotices, TimeUnit.NANOSECONDS.toMillis(nanos) + 1);
      }
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    } catch (ClosedSelectorException e) {
      throw TransportException.closed(me.rank());
    }
    if (closed) {
      throw TransportException.closed(me.rank());
    }
  }

  private void readNotices(SelectionKey key) {
    Link link = (Link) key.attachment();
    if (key == link.noticesKey) {
      link.readNotices(notices);
    }
  }

  /** Prefers a notice to the loss of a rank: the lost rank may have given the reason. */
  private void heedNotices() throws TransportException {
    Notice notice = notices.poll();
    if (notice != null) {
      throw TransportException.notice(notice.from(), notice.content());
    }
    for (Link link : links) {
      if (link != null && link.lost != null) {
        throw TransportException.lost(link.peer, link.lost.getMessage(), link.lost);
      }
    }
  }

  /** The connection for frames closed; the one for notices may know why. */
  private TransportException ended(Link link, IOException how) throws TransportException {
    long until = System.nanoTime() + REASON_NANOS;
    for (long left = 0; left >= 0; left = until - System.nanoTime()) {
      select(left);
      heedNotices();
      if (link.departed) {
        return TransportException.departed(link.peer);
      }
    }
    return TransportException.lost(
        link.peer, how instanceof EOFException ? "its connection closed" : how.toString(), how);
  }

  @Override
  public void tell(byte[] notice) {
    ByteBuffer message = NoticeReader.message(notice);
    for (Link link : links) {
      if (link != null) {
        link.tell(message.duplicate());
      }
    }
  }

  @Override
  public Notice awaitNotice(long timeoutNanos) throws TransportException {
    long until = System.nanoTime() + timeoutNanos;
    for (long left = timeoutNanos;
        notices.isEmpty() && left > 0;
        left = until - System.nanoTime()) {
      select(left);
      if (notices.isEmpty()) {
        heedNotices();
      }
    }
    return notices.poll();
  }

  @Override
  public void close() {
    synchronized (this) {
      if (closed) {
        return;
      }
      closed = true;
    }
    for (Link link : links) {
      if (link != null) {
        link.tell(NoticeReader.farewell());
        link.close();
      }
    }
    closeQuietly(selector);
  }

  static void closeQuietly(Closeable resource) {
    try {
      resource.close();
    } catch (IOException e) {
      LOG.debug("closing failed", e);
    }
  }

  /** The connections to one rank. */
  private final class Link {
    /** Timeout for sending a notice: it is received by the other side's system, not its process. */
    private static final long PATIENCE_NANOS = 100_000_000;

    private final int peer;
    private final SocketChannel frames;
    private final Lane lane;
    private final SocketChannel noticeChannel;
    private final SelectionKey framesKey;
    private final SelectionKey noticesKey;
    private final NoticeReader reader = new NoticeReader();

    /** The rank has announced that it closes. */
    private boolean departed;

    /** How the connection closed without that announcement; null while it is open. */
    private IOException lost;

    Link(int peer, SocketChannel[] channels, Lane lane) throws IOException {
      this.peer = peer;
      this.lane = lane;
      this.frames = channels[FRAMES];
      this.noticeChannel = channels[NOTICES];
      frames.configureBlocking(false);
      noticeChannel.configureBlocking(false);
      this.framesKey = frames.register(selector, 0, this);
      this.noticesKey = noticeChannel.register(selector, SelectionKey.OP_READ, this);
    }

    void readNotices(Queue<Notice> into) {
      try {
        boolean open = reader.read(noticeChannel);
        for (byte[] notice = reader.next(); notice != null; notice = reader.next()) {
          into.add(new Notice(peer, notice));
        }
        departed = reader.farewellCame();
        if (!open && !departed) {
          lost = new IOException("its connection closed");
        }
        if (!open) {
          noticesKey.cancel();
        }
      } catch (IOException e) {
        noticesKey.cancel();
        if (!departed) {
          lost = e;
        }
      }
    }

    synchronized void tell(ByteBuffer message) {
      long until = System.nanoTime() + PATIENCE_NANOS;
      try {
        while (message.hasRemaining() && System.nanoTime() < until) {
          if (noticeChannel.write(message) == 0) {
            Thread.onSpinWait();
          }
        }
      } catch (IOException e) {
        // Already gone: there is nothing to notify.
        LOG.debug("could not notify rank {}", peer, e);
      }
    }

    void close() {
      try {
        // End the stream after all notices, even if the other side has sent some too.
        noticeChannel.shutdownOutput();
      } catch (IOException e) {
        LOG.debug("rank {} has already closed", peer, e);
      }
      closeQuietly(noticeChannel);
      closeQuietly(frames);
    }
  }
}
