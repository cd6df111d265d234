package dev.firesteel.collective;

import java.io.Closeable;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.ByteBuffer;
import java.nio.channels.CancelledKeyException;
import java.nio.channels.ClosedSelectorException;
import java.nio.channels.SelectionKey;
import java.nio.channels.Selector;
import java.nio.channels.SocketChannel;
import java.util.ArrayDeque;
import java.util.Queue;
import java.util.concurrent.TimeUnit;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Frames over plain sockets, unencrypted: two connections between any two ranks, one for frames and
 * one for notices, so that a notice passes a frame that is stuck. One thread sends and receives at
 * the same time, without blocking, as one {@link Selector} tells it.
 *
 * <p>A process's end closes its sockets: every rank in an exchange sees that at once on the
 * connection for notices.
 *
 * <p>Memory: two direct buffers of {@link Frame#MAX_BYTES}, and 16 KiB for each rank; outside of
 * the process up to 8 MiB of socket buffers for each connection that frames take.
 */
public final class NioTransport implements Transport {
  /** Connections between two ranks. */
  static final int CHANNELS = 2;

  private static final int FRAMES = 0;
  private static final int NOTICES = 1;

  private static final Logger LOG = LoggerFactory.getLogger(NioTransport.class);

  private final Membership me;
  private final Selector selector;
  private final Link[] links;
  private final ByteBuffer outgoingFrame = ByteBuffer.allocateDirect(Frame.MAX_BYTES);
  private final ByteBuffer incomingFrame = ByteBuffer.allocateDirect(Frame.MAX_BYTES);
  private final Queue<Notice> notices = new ArrayDeque<>();
  private volatile boolean closed;

  NioTransport(Membership me, SocketChannel[][] channels) throws IOException {
    this.me = me;
    this.selector = Selector.open();
    this.links = new Link[me.worldSize()];
    for (int peer = 0; peer < links.length; peer++) {
      if (peer != me.rank()) {
        links[peer] = new Link(peer, channels[peer]);
      }
    }
  }

  @Override
  public Membership me() {
    return me;
  }

  @Override
  public void exchange(
      int to, FrameSource outgoing, int from, FrameSink incoming, long timeoutNanos)
      throws TransportException {
    long deadline = System.nanoTime() + timeoutNanos;
    select(0);
    heedNotices();
    boolean sending = fill(outgoing);
    boolean receiving = expect(incoming);
    while (sending || receiving) {
      boolean moved = false;
      if (sending) {
        moved = write(to);
        if (!outgoingFrame.hasRemaining()) {
          sending = fill(outgoing);
        }
      }
      if (receiving) {
        moved |= read(from, incoming);
        if (!incomingFrame.hasRemaining()) {
          incoming.frame(incomingFrame);
          receiving = expect(incoming);
        }
      }
      if (!moved) {
        awaitReady(sending ? links[to] : null, receiving ? links[from] : null, deadline);
      }
    }
  }

  private boolean fill(FrameSource outgoing) {
    outgoingFrame.clear();
    boolean more = outgoing.next(outgoingFrame);
    outgoingFrame.flip();
    return more;
  }

  private boolean expect(FrameSink incoming) {
    int bytes = incoming.expectedBytes();
    incomingFrame.clear().limit(bytes);
    return bytes > 0;
  }

  private boolean write(int to) throws TransportException {
    try {
      return links[to].frames.write(outgoingFrame) > 0;
    } catch (IOException e) {
      throw ended(links[to], e);
    }
  }

  private boolean read(int from, FrameSink incoming) throws TransportException {
    int before = incomingFrame.position();
    int count;
    try {
      count = links[from].frames.read(incomingFrame);
    } catch (IOException e) {
      throw ended(links[from], e);
    }
    if (count < 0) {
      throw ended(links[from], null);
    }
    if (before < Frame.HEADER_BYTES && incomingFrame.position() >= Frame.HEADER_BYTES) {
      incoming.header(incomingFrame);
    }
    return count > 0;
  }

  private void awaitReady(Link to, Link from, long deadline) throws TransportException {
    long left = deadline - System.nanoTime();
    if (left <= 0) {
      throw TransportException.silent(from == null ? to.peer : from.peer);
    }
    try {
      if (to != null) {
        to.framesKey.interestOpsOr(SelectionKey.OP_WRITE);
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

  /** Takes what has come for this rank besides frames. */
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

  /** A notice before the loss of a rank: the rank that is lost may have said why. */
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

  /** The connection for frames ended; the one for notices may know why. */
  private TransportException ended(Link link, IOException cause) throws TransportException {
    long until = System.nanoTime() + REASON_NANOS;
    for (long left = 0; left >= 0; left = until - System.nanoTime()) {
      select(left);
      heedNotices();
      if (link.departed) {
        return TransportException.departed(link.peer);
      }
    }
    return TransportException.lost(
        link.peer, cause == null ? "its connection ended" : cause.toString(), cause);
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
    /** How long a notice may take to leave: the other side's system takes it, not its process. */
    private static final long PATIENCE_NANOS = 100_000_000;

    private final int peer;
    private final SocketChannel frames;
    private final SocketChannel noticeChannel;
    private final SelectionKey framesKey;
    private final SelectionKey noticesKey;
    private final NoticeReader reader = new NoticeReader();

    /** The rank has said that it closes. */
    private boolean departed;

    /** How the connection ended without that; null while it has not. */
    private IOException lost;

    Link(int peer, SocketChannel[] channels) throws IOException {
      this.peer = peer;
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
          lost = new IOException("its connection ended");
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
        // Gone already: it needs no telling.
        LOG.debug("rank {} could not be told", peer, e);
      }
    }

    void close() {
      try {
        // The end of the stream after all that was told, also if the other side told something too.
        noticeChannel.shutdownOutput();
      } catch (IOException e) {
        LOG.debug("rank {} has closed before", peer, e);
      }
      closeQuietly(noticeChannel);
      closeQuietly(frames);
    }
  }
}
