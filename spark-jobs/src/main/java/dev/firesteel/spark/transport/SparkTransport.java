package dev.firesteel.spark.transport;

import dev.firesteel.collective.Frame;
import dev.firesteel.collective.FrameSink;
import dev.firesteel.collective.FrameSource;
import dev.firesteel.collective.Membership;
import dev.firesteel.collective.Transport;
import dev.firesteel.collective.TransportException;
import java.io.EOFException;
import java.nio.ByteBuffer;
import java.util.ArrayDeque;
import java.util.Arrays;
import java.util.Queue;
import java.util.concurrent.TimeUnit;
import org.apache.spark.network.client.RpcResponseCallback;
import org.apache.spark.network.client.TransportClient;

/**
 * Frames as messages of Spark's network library, so that they are authenticated and encrypted as
 * Spark is configured. Each rank connects to every other one twice, for frames and for notices;
 * frames are acknowledged once they have been used, and at most {@value #WINDOW} per rank are
 * queued.
 *
 * <p>When a process ends, its connections close: every rank in an exchange sees that at once.
 *
 * <p>Memory: up to {@value #WINDOW} direct buffers of {@link Frame#MAX_BYTES} for sending, and as
 * many for receiving, per rank that frames are exchanged with, besides the buffers of Spark's
 * library.
 */
final class SparkTransport implements Transport {
  /** Connections to each rank, and from it. */
  static final int CHANNELS = 2;

  private static final int FRAMES = 0;
  private static final int NOTICES = 1;
  private static final int WINDOW = 4;

  /** Bytes before a frame in a message, of which the first is its type; keeps floats aligned. */
  private static final int PREFIX = 8;

  private static final long FAREWELL_MILLIS = 200;

  private final Membership me;
  private final Runnable closing;
  private final Link[] links;
  private final Queue<Notice> notices = new ArrayDeque<>();
  private final Queue<ByteBuffer> free = new ArrayDeque<>();
  private boolean closed;

  /** Counts events: a waiting thread checks again when it has changed. */
  private long events;

  /**
   * @param closing releases the connections' resources
   */
  SparkTransport(Membership me, Runnable closing) {
    this.me = me;
    this.closing = closing;
    this.links = new Link[me.worldSize()];
    Arrays.setAll(links, peer -> peer == me.rank() ? null : new Link());
  }

  /** The connections to one rank and from it; guarded by the transport. */
  private static final class Link {
    private final TransportClient[] outgoing = new TransportClient[CHANNELS];
    private final boolean[] incoming = new boolean[CHANNELS];
    private final Queue<Received> received = new ArrayDeque<>();
    private int underWay;

    /** The connection for frames closed, or sending on it failed. */
    private Throwable ended;

    private boolean departed;
    private boolean lost;
  }

  /** A queued frame, and how to acknowledge it to its rank. */
  private record Received(ByteBuffer message, RpcResponseCallback used) {}

  @Override
  public Membership me() {
    return me;
  }

  /** A connection from this process to {@code peer} is established. */
  synchronized void connected(int peer, int channel, TransportClient client) {
    links[peer].outgoing[channel] = client;
    happened();
  }

  /** A connection from {@code peer} to this process is established. */
  synchronized void accepted(int peer, int channel) {
    if (channel >= 0 && channel < CHANNELS) {
      links[peer].incoming[channel] = true;
    }
    happened();
  }

  /** Returns -1 when all ranks have connected, or a rank that has not within {@code nanos}. */
  synchronized int awaitConnected(long nanos) {
    long deadline = System.nanoTime() + nanos;
    int missing = missing();
    while (missing >= 0 && await(deadline)) {
      missing = missing();
    }
    return missing;
  }

  private int missing() {
    for (int peer = 0; peer < links.length; peer++) {
      if (links[peer] != null && !(links[peer].incoming[FRAMES] && links[peer].incoming[NOTICES])) {
        return peer;
      }
    }
    return -1;
  }

  /** A frame arrived; {@code message} is Spark's and is copied. */
  synchronized void frameCame(int peer, ByteBuffer message, RpcResponseCallback used) {
    int bytes = message.remaining() - (PREFIX - 1);
    if (closed || bytes < Frame.HEADER_BYTES || bytes > Frame.MAX_BYTES) {
      used.onFailure(new IllegalStateException("a message of " + bytes + " bytes is no frame"));
      return;
    }
    ByteBuffer copy = buffer();
    copy.position(1);
    copy.put(message).flip();
    links[peer].received.add(new Received(copy, used));
    happened();
  }

  private ByteBuffer buffer() {
    ByteBuffer buffer = free.poll();
    return buffer == null ? ByteBuffer.allocateDirect(PREFIX + Frame.MAX_BYTES) : buffer.clear();
  }

  synchronized void noticeCame(int peer, byte[] notice) {
    notices.add(new Notice(peer, notice));
    happened();
  }

  synchronized void farewellCame(int peer) {
    links[peer].departed = true;
    happened();
  }

  /** A connection from {@code peer} closed. */
  synchronized void ended(int peer, int channel) {
    if (channel == NOTICES) {
      // The farewell would have arrived on this connection, before it closed.
      links[peer].lost |= !links[peer].departed;
    } else if (links[peer].ended == null) {
      links[peer].ended = new EOFException("its connection closed");
    }
    happened();
  }

  @Override
  public void exchange(
      int to, FrameSource outgoing, int from, FrameSink incoming, long timeoutNanos)
      throws TransportException {
    long deadline = System.nanoTime() + timeoutNanos;
    heed(null, null);
    ByteBuffer next = fill(outgoing);
    while (next != null || incoming.expectedBytes() > 0) {
      long seen = events();
      boolean moved = false;
      if (next != null && mayLeave(to)) {
        send(to, next);
        next = fill(outgoing);
        moved = true;
      }
      if (incoming.expectedBytes() > 0) {
        moved |= take(from, incoming);
      }
      if (!moved) {
        boolean receiving = incoming.expectedBytes() > 0;
        awaitEvent(seen, next == null ? null : to, receiving ? from : null, deadline);
      }
    }
  }

  private ByteBuffer fill(FrameSource outgoing) {
    ByteBuffer message;
    synchronized (this) {
      message = buffer();
    }
    ByteBuffer frame = message.slice(PREFIX, Frame.MAX_BYTES);
    if (!outgoing.next(frame)) {
      recycle(message);
      return null;
    }
    message.put(0, SparkTransportHandler.FRAME).position(0).limit(PREFIX + frame.position());
    return message;
  }

  private synchronized void recycle(ByteBuffer message) {
    free.add(message);
  }

  private synchronized boolean mayLeave(int to) {
    return links[to].underWay < WINDOW && links[to].ended == null;
  }

  private void send(int to, ByteBuffer message) {
    Link link = links[to];
    synchronized (this) {
      link.underWay++;
    }
    link.outgoing[FRAMES].sendRpc(
        message,
        new RpcResponseCallback() {
          @Override
          public void onSuccess(ByteBuffer response) {
            synchronized (SparkTransport.this) {
              link.underWay--;
              free.add(message);
              happened();
            }
          }

          @Override
          public void onFailure(Throwable e) {
            synchronized (SparkTransport.this) {
              link.ended = e;
              happened();
            }
          }
        });
  }

  private boolean take(int from, FrameSink incoming) {
    Received received;
    synchronized (this) {
      received = links[from].received.poll();
    }
    if (received == null) {
      return false;
    }
    int bytes = received.message().limit() - PREFIX;
    ByteBuffer frame = received.message().slice(PREFIX, bytes);
    frame.position(bytes);
    incoming.header(frame);
    incoming.frame(frame);
    recycle(received.message());
    received.used().onSuccess(ByteBuffer.allocate(0));
    return true;
  }

  private synchronized long events() {
    return events;
  }

  private void happened() {
    events++;
    notifyAll();
  }

  private synchronized void awaitEvent(long seen, Integer to, Integer from, long deadline)
      throws TransportException {
    heed(to, from);
    while (events == seen) {
      if (!await(deadline)) {
        throw TransportException.silent(from == null ? to : from);
      }
    }
    heed(to, from);
  }

  /** Waits for any event; false at the deadline. */
  private synchronized boolean await(long deadline) {
    long left = deadline - System.nanoTime();
    if (left <= 0) {
      return false;
    }
    try {
      TimeUnit.NANOSECONDS.timedWait(this, left);
      return true;
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      return false;
    }
  }

  /**
   * Throws whatever ends an exchange. A notice takes precedence over the loss of a rank: the lost
   * rank may have given the reason.
   *
   * @param to a rank that more is to be sent to, or null
   * @param from a rank that more is expected from, or null
   */
  private synchronized void heed(Integer to, Integer from) throws TransportException {
    heedNotices();
    if (to != null && links[to].ended != null) {
      throw reasonOfEnd(to);
    }
    if (from != null && links[from].ended != null && links[from].received.isEmpty()) {
      throw reasonOfEnd(from);
    }
  }

  private TransportException reasonOfEnd(int peer) throws TransportException {
    Link link = links[peer];
    long until = System.nanoTime() + REASON_NANOS;
    do {
      heedNotices();
      if (link.departed) {
        return TransportException.departed(peer);
      }
    } while (await(until));
    return TransportException.lost(peer, link.ended.toString(), link.ended);
  }

  private void heedNotices() throws TransportException {
    if (closed) {
      throw TransportException.closed(me.rank());
    }
    Notice notice = notices.poll();
    if (notice != null) {
      throw TransportException.notice(notice.from(), notice.content());
    }
    for (int peer = 0; peer < links.length; peer++) {
      if (links[peer] != null && links[peer].lost) {
        throw TransportException.lost(peer, "its connection closed", null);
      }
    }
  }

  @Override
  public void tell(byte[] notice) {
    tell(SparkTransportHandler.NOTICE, notice);
  }

  private void tell(byte type, byte[] content) {
    for (Link link : links) {
      TransportClient client = link == null ? null : link.outgoing[NOTICES];
      if (client != null && client.isActive()) {
        ByteBuffer message = ByteBuffer.allocate(1 + content.length).put(type).put(content);
        client.send(message.flip());
      }
    }
  }

  @Override
  public synchronized Notice awaitNotice(long timeoutNanos) throws TransportException {
    long deadline = System.nanoTime() + timeoutNanos;
    while (notices.isEmpty()) {
      heedNotices();
      if (!await(deadline)) {
        return null;
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
      happened();
    }
    awaitUsed();
    tell(SparkTransportHandler.FAREWELL, new byte[0]);
    for (Link link : links) {
      if (link != null) {
        close(link);
      }
    }
    closing.run();
  }

  /** Spark logs an error for each message that is unanswered when its connection is closed. */
  private synchronized void awaitUsed() {
    long until = System.nanoTime() + TimeUnit.MILLISECONDS.toNanos(FAREWELL_MILLIS);
    for (Link link : links) {
      while (link != null && link.ended == null && link.underWay > 0 && await(until)) {
        // Until the last acknowledgement, or the time is up.
      }
    }
  }

  private static void close(Link link) {
    TransportClient client = link.outgoing[NOTICES];
    if (client != null) {
      // Notices have been sent when the channel's thread gets here.
      client.getChannel().eventLoop().submit(() -> {}).awaitUninterruptibly(FAREWELL_MILLIS);
      client.close();
    }
    if (link.outgoing[FRAMES] != null) {
      link.outgoing[FRAMES].close();
    }
  }
}
