package dev.firesteel.collective;

import dev.firesteel.collective.CollectiveFailure.Kind;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.time.Duration;
import java.util.Arrays;
import java.util.Objects;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicLong;
import java.util.concurrent.atomic.AtomicReference;

/**
 * Ranks in separate processes, over a {@link Transport}. All calls run one after the other on the
 * thread {@code firesteel-collective}.
 *
 * <p><b>Sums.</b> For a power of two the binary tree of {@link Collective}. For another number of
 * ranks W the shard of rank r is {@code ((x[r + 1] + x[r + 2]) + ... ) + x[r]}, ranks modulo W.
 * Sums of doubles use the tree at any W, the left part being the largest power of two below.
 *
 * <p><b>Deadline.</b> Each call has one, counted from its start on the collective's thread. It must
 * exceed any difference between ranks in computing time between two calls. On timeout, each rank
 * broadcasts which peer it is blocked on; following that wait-for chain ends at the rank that did
 * not respond.
 *
 * <p><b>Failures.</b> The first one is broadcast to all ranks, so all of them stop at once; see
 * {@link CollectiveFailure}. Interrupting the thread that waits for a call aborts the collective.
 *
 * <p><b>Memory.</b> Negligible itself; the transport's buffers have a fixed size. An array's
 * transfer allocates a few objects and no buffer.
 */
public final class PeerCollective implements Collective {
  private static final Duration LONGEST_GRACE = Duration.ofSeconds(1);

  private final Transport transport;
  private final int rank;
  private final int worldSize;
  private final long deadlineNanos;
  private final Conversation conversation;
  private final FloatWire floats = new FloatWire();
  private final GradientFormat format;
  private final Bf16Wire halves = new Bf16Wire();
  private final HeldBack heldBack = new HeldBack();
  private final AtomicReference<CollectiveException> firstFailure = new AtomicReference<>();
  private final BlockingQueue<Call> calls = new LinkedBlockingQueue<>();
  private final Call last = new Call(null, null);
  private final AtomicLong transferNanos = new AtomicLong();
  private final Thread thread;

  /** The peer that each rank is blocked on, as far as known; else -1. */
  private final int[] waitsFor;

  private long step;
  private long sequence;

  /** With {@link GradientFormat#FP32}. */
  public PeerCollective(Transport transport, Duration deadline) {
    this(transport, deadline, GradientFormat.FP32);
  }

  /**
   * Starts with the first call.
   *
   * @param transport the connections; closed with this collective
   * @param deadline the maximum duration of a call, from its start
   * @param format how operands of {@link #reduceScatter} are sent; the same on all ranks
   */
  public PeerCollective(Transport transport, Duration deadline, GradientFormat format) {
    this.transport = transport;
    this.format = format;
    this.rank = transport.rank();
    this.worldSize = transport.worldSize();
    this.deadlineNanos = deadline.toNanos();
    this.conversation = new Conversation(transport);
    this.waitsFor = new int[worldSize];
    Arrays.fill(waitsFor, -1);
    this.thread = new Thread(this::runCalls, "firesteel-collective");
    thread.setDaemon(true);
    thread.start();
  }

  @Override
  public int rank() {
    return rank;
  }

  @Override
  public int worldSize() {
    return worldSize;
  }

  @Override
  public void enterStep(long step) {
    this.step = step;
    heldBack.enterStep();
  }

  @Override
  public Shard shard(int length, int ofRank) {
    return Shard.of(length, ofRank, worldSize);
  }

  @Override
  public Transfer reduceScatter(float[] values, int offset, int length) {
    Objects.checkFromIndexSize(offset, length, values.length);
    if (format == GradientFormat.BF16) {
      float[] rest = heldBack.next(length);
      return submit(
          CallKind.REDUCE_SCATTER_BF16,
          length,
          () -> conversation.reduceScatter(halves.of(values, offset, rest), length));
    }
    return submit(
        CallKind.REDUCE_SCATTER,
        length,
        () -> conversation.reduceScatter(floats.of(values, offset, FloatWire.Mode.ADD), length));
  }

  @Override
  public Transfer allGather(float[] values, int offset, int length) {
    Objects.checkFromIndexSize(offset, length, values.length);
    return submit(
        CallKind.ALL_GATHER,
        length,
        () -> conversation.allGather(floats.of(values, offset, FloatWire.Mode.COPY), length));
  }

  @Override
  public long transferNanos() {
    return transferNanos.get();
  }

  @Override
  public void allReduce(double[] values) {
    int bytes = Math.multiplyExact(values.length, Double.BYTES);
    byte[] board = new byte[Math.multiplyExact(bytes, worldSize)];
    ByteBuffer all = ByteBuffer.wrap(board).order(ByteOrder.LITTLE_ENDIAN);
    all.position(rank * bytes).slice().order(ByteOrder.LITTLE_ENDIAN).asDoubleBuffer().put(values);
    submit(
            CallKind.ALL_REDUCE,
            values.length,
            () -> conversation.allGatherBlocks(new BytesWire(board), equalBlocks(bytes)))
        .await();
    for (int i = 0; i < values.length; i++) {
      values[i] = sum(all, bytes, i * Double.BYTES, 0, worldSize);
    }
  }

  private static double sum(ByteBuffer all, int stride, int at, int begin, int end) {
    if (end - begin == 1) {
      return all.getDouble(begin * stride + at);
    }
    int middle = begin + Integer.highestOneBit(end - begin - 1);
    return sum(all, stride, at, begin, middle) + sum(all, stride, at, middle, end);
  }

  @Override
  public byte[][] allGather(byte[] mine) {
    byte[][] gathered = new byte[worldSize][];
    submit(CallKind.ALL_GATHER_BYTES, 0, () -> gather(mine, gathered)).await();
    return gathered;
  }

  private void gather(byte[] mine, byte[][] gathered) throws TransportException {
    byte[] lengths = new byte[worldSize * Integer.BYTES];
    ByteBuffer.wrap(lengths).putInt(rank * Integer.BYTES, mine.length);
    conversation.allGatherBlocks(new BytesWire(lengths), equalBlocks(Integer.BYTES));
    int[] edges = new int[worldSize + 1];
    for (int r = 0; r < worldSize; r++) {
      int length = ByteBuffer.wrap(lengths).getInt(r * Integer.BYTES);
      edges[r + 1] = Math.addExact(edges[r], length);
    }
    byte[] board = new byte[edges[worldSize]];
    System.arraycopy(mine, 0, board, edges[rank], mine.length);
    conversation.allGatherBlocks(new BytesWire(board), edges);
    for (int r = 0; r < worldSize; r++) {
      gathered[r] = Arrays.copyOfRange(board, edges[r], edges[r + 1]);
    }
  }

  private int[] equalBlocks(int size) {
    int[] edges = new int[worldSize + 1];
    Arrays.setAll(edges, r -> r * size);
    return edges;
  }

  @Override
  public void barrier() {
    submit(
            CallKind.BARRIER,
            0,
            () -> conversation.allGatherBlocks(new BytesWire(new byte[0]), equalBlocks(0)))
        .await();
  }

  @Override
  public void abort(String reason) {
    fail(new CollectiveException(aborted(reason), null), true);
  }

  private CollectiveFailure aborted(String reason) {
    return new CollectiveFailure(Kind.ABORTED, rank, rank, "", step, reason);
  }

  /** Records the first failure, broadcasts it unless it was received, and ends all exchanges. */
  private void fail(CollectiveException failure, boolean tell) {
    if (firstFailure.compareAndSet(null, failure)) {
      if (tell) {
        transport.tell(Warning.failed(failure.failure().orElseThrow()));
      }
      transport.close();
    }
  }

  @Override
  public void close() {
    CollectiveFailure closed = new CollectiveFailure(Kind.CLOSED, rank, rank, "", step, "");
    fail(new CollectiveException(closed, null), false);
    calls.add(last);
    boolean interrupted = false;
    while (thread.isAlive()) {
      try {
        thread.join();
      } catch (InterruptedException e) {
        // The thread ends soon: its transport is closed.
        interrupted = true;
      }
    }
    if (interrupted) {
      Thread.currentThread().interrupt();
    }
  }

  private Call submit(CallKind kind, long operand, Body body) {
    Frame.CallId id = new Frame.CallId(kind, transport.me().attempt(), step, sequence++, operand);
    Call call = new Call(id, body);
    if (firstFailure.get() == null) {
      calls.add(call);
    } else {
      call.done.countDown();
    }
    return call;
  }

  private void runCalls() {
    boolean interrupted = false;
    while (true) {
      try {
        Call call = calls.take();
        if (call == last) {
          break;
        }
        run(call);
      } catch (InterruptedException e) {
        // Only a debugger interrupts this thread; it ends through a call of its own.
        interrupted = true;
      }
    }
    if (interrupted) {
      Thread.currentThread().interrupt();
    }
  }

  private void run(Call call) {
    try {
      if (firstFailure.get() == null) {
        long began = System.nanoTime();
        conversation.begin(call.id, deadlineNanos);
        call.body.run();
        if (call.id.kind().isTransfer()) {
          transferNanos.addAndGet(System.nanoTime() - began);
        }
      }
    } catch (TransportException e) {
      fail(call, e);
    } catch (CollectiveException e) {
      fail(e, true);
    } catch (RuntimeException | Error e) {
      fail(new CollectiveException(aborted(e.toString()), e), true);
    }
    call.done.countDown();
  }

  private void fail(Call call, TransportException e) {
    switch (e.kind()) {
      case LOST -> fail(failure(Kind.LOST, e.rank(), call, e.getMessage(), e), true);
      case DEPARTED -> findReason(call, e);
      case SILENT -> findSilent(call, e.rank());
      case NOTICE -> heed(call, new Transport.Notice(e.rank(), e.notice()));
      case CLOSED -> {
        // The code that closed the transport has already reported why.
      }
    }
  }

  private CollectiveException failure(
      Kind kind, int of, Call call, String reason, Throwable cause) {
    return new CollectiveException(
        new CollectiveFailure(kind, of, rank, call.id.text(), call.id.step(), reason), cause);
  }

  /** A rank that closes has usually received a failure, whose notice is on its way here, too. */
  private void findReason(Call call, TransportException departure) {
    try {
      Transport.Notice notice = transport.awaitNotice(Transport.REASON_NANOS);
      while (notice != null) {
        Warning warning = Warning.of(notice.content());
        if (warning.failure() != null) {
          fail(new CollectiveException(warning.failure(), null), false);
          return;
        }
        notice = transport.awaitNotice(Transport.REASON_NANOS);
      }
    } catch (TransportException e) {
      // There is nobody left to notify.
      departure.addSuppressed(e);
    }
    fail(failure(Kind.DEPARTED, departure.rank(), call, departure.getMessage(), departure), true);
  }

  private void heed(Call call, Transport.Notice notice) {
    Warning warning = Warning.of(notice.content());
    if (warning.failure() != null) {
      fail(new CollectiveException(warning.failure(), null), false);
      return;
    }
    // Another rank's deadline has passed. This rank is alive, and reports whom it is blocked on.
    waitsFor[notice.from()] = warning.suspect();
    findSilent(call, conversation.awaited());
  }

  /** Follows the wait-for chain until it reaches a rank that nobody hears from. */
  private void findSilent(Call call, int awaited) {
    transport.tell(Warning.suspects(awaited));
    waitsFor[rank] = awaited;
    long grace = Math.min(LONGEST_GRACE.toNanos(), deadlineNanos);
    int suspect = suspect();
    try {
      long until = System.nanoTime() + grace;
      for (long left = grace; left > 0; left = until - System.nanoTime()) {
        Transport.Notice notice = transport.awaitNotice(left);
        if (notice == null) {
          break;
        }
        Warning warning = Warning.of(notice.content());
        if (warning.failure() != null) {
          fail(new CollectiveException(warning.failure(), null), false);
          return;
        }
        waitsFor[notice.from()] = warning.suspect();
        if (suspect() != suspect) {
          suspect = suspect();
          until = System.nanoTime() + grace;
        }
      }
    } catch (TransportException e) {
      fail(call, e);
      return;
    }
    String reason = "within %s s".formatted(deadlineNanos / (double) TimeUnit.SECONDS.toNanos(1));
    fail(failure(Kind.SILENT, suspect, call, reason, null), true);
  }

  /** The end of the wait-for chain that starts here; some rank of it if it is a cycle. */
  private int suspect() {
    int suspect = rank;
    for (int hop = 0; hop < worldSize && waitsFor[suspect] >= 0; hop++) {
      suspect = waitsFor[suspect];
    }
    return suspect;
  }

  /** What a call does on the collective's thread. */
  @FunctionalInterface
  private interface Body {
    void run() throws TransportException;
  }

  /** A call that is queued, running or done. */
  private final class Call implements Transfer {
    private final Frame.CallId id;
    private final Body body;
    private final CountDownLatch done = new CountDownLatch(1);

    Call(Frame.CallId id, Body body) {
      this.id = id;
      this.body = body;
    }

    @Override
    public void await() {
      boolean interrupted = false;
      while (done.getCount() > 0) {
        try {
          done.await();
        } catch (InterruptedException e) {
          // Keep waiting for the end of an exchange whose connections are already closed: until
          // then
          // the array is written to.
          interrupted = true;
          abort("the thread that waited for a call was interrupted");
        }
      }
      if (interrupted) {
        Thread.currentThread().interrupt();
      }
      CollectiveException failure = firstFailure.get();
      if (failure != null) {
        throw failure.failure().isPresent()
            ? new CollectiveException(failure.failure().get(), failure)
            : failure;
      }
    }
  }
}
