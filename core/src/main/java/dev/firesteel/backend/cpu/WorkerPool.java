package dev.firesteel.backend.cpu;

import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicIntegerArray;
import java.util.concurrent.atomic.AtomicReference;
import java.util.concurrent.locks.LockSupport;

/**
 * A fixed team of threads that runs the tiles of one kernel at a time; the calling thread is part
 * of the team. A thread without work spins for {@value #SPIN_NANOS} ns, so that the next kernel
 * starts within a microsecond, and then parks, so that an idle team costs nothing.
 *
 * <p>Each thread starts with its own share of the tiles, the same part of the range in every
 * kernel, so that its cache often contains what it wrote in the previous kernel; a thread that has
 * finished steals tiles from the others' shares. Which thread runs a tile is therefore
 * nondeterministic, and a kernel must be divided so that this cannot change its result. One thread
 * at a time may call {@link #run}, and no tile may.
 */
final class WorkerPool implements AutoCloseable {
  /** How long a thread spins; the gaps between the kernels of a step are shorter. */
  static final long SPIN_NANOS = 300_000;

  /** Number of iterations of a waiting loop between checks of the clock. */
  private static final int TURNS_PER_CLOCK = 64;

  /**
   * Padding between counters written by different threads, so that they do not share a cache line.
   */
  private static final int SHARE_DISTANCE = 16;

  /** The work of a kernel on one tile. */
  interface Body {
    void run(int tile, Worker worker);
  }

  private final Simd.Choice simd;
  private final Worker caller;
  private final List<Member> members = new ArrayList<>();
  private volatile Region current;
  private volatile boolean closed;

  /** A team of {@code threads}, including the caller. */
  WorkerPool(int threads, Simd.Choice simd) {
    if (threads < 1) {
      throw new IllegalArgumentException("WorkerPool: threads must be >= 1, got " + threads);
    }
    this.simd = simd;
    caller = new Worker(simd.create());
    for (int i = 1; i < threads; i++) {
      members.add(new Member(i, new Worker(simd.create())));
    }
    members.forEach(Thread::start);
  }

  /** Threads in the team, including the caller. */
  int threads() {
    return 1 + members.size();
  }

  /** Which implementation the threads use. */
  Simd.Choice simd() {
    return simd;
  }

  /**
   * Gives every thread new primitives. Must be called between kernels; they become visible to all
   * threads with the next kernel.
   */
  void renewSimd() {
    caller.renew(simd.create());
    members.forEach(member -> member.worker.renew(simd.create()));
  }

  /** The pool's own threads. */
  List<Thread> threadsBesideCaller() {
    return List.copyOf(members);
  }

  /** The state of the calling thread, for work that is not divided into tiles. */
  Worker caller() {
    return caller;
  }

  /**
   * Runs {@code body} for each tile in [0, tiles) and returns when all are done. The first
   * exception that a tile throws is thrown here; tiles that have not started by then are skipped.
   */
  void run(int tiles, Body body) {
    if (closed) {
      throw new IllegalStateException("WorkerPool: the backend is closed");
    }
    if (tiles == 1 || members.isEmpty()) {
      for (int tile = 0; tile < tiles; tile++) {
        body.run(tile, caller);
      }
      return;
    }
    if (tiles > 1) {
      Region region = new Region(tiles, threads(), body, Thread.currentThread());
      current = region;
      for (Member member : members) {
        member.wake();
      }
      region.work(0, caller);
      region.await();
      region.rethrow();
    }
  }

  /** Stops the threads and waits until they have ended. */
  @Override
  public void close() {
    closed = true;
    members.forEach(LockSupport::unpark);
    boolean interrupted = false;
    for (Member member : members) {
      while (member.isAlive()) {
        try {
          member.join();
        } catch (InterruptedException e) {
          interrupted = true;
        }
      }
    }
    if (interrupted) {
      Thread.currentThread().interrupt();
    }
  }

  /** One call of {@link #run}. A late thread finds no tile left in it, which is harmless. */
  private static final class Region {
    private final int tiles;
    private final Body body;
    private final Thread owner;
    private final AtomicIntegerArray next;
    private final int shares;
    private final AtomicInteger done = new AtomicInteger();
    private final AtomicReference<Throwable> failure = new AtomicReference<>();
    private volatile boolean ownerParked;

    Region(int tiles, int shares, Body body, Thread owner) {
      this.tiles = tiles;
      this.shares = shares;
      next = new AtomicIntegerArray(shares * SHARE_DISTANCE);
      this.body = body;
      this.owner = owner;
    }

    /** Runs the tiles of the thread's own share, then the remaining ones of the others'. */
    void work(int thread, Worker worker) {
      int finished = 0;
      for (int i = 0; i < shares; i++) {
        int share = (thread + i) % shares;
        int start = (int) ((long) tiles * share / shares);
        int size = (int) ((long) tiles * (share + 1) / shares) - start;
        int at = share * SHARE_DISTANCE;
        for (int tile = next.getAndIncrement(at); tile < size; tile = next.getAndIncrement(at)) {
          if (failure.get() == null) {
            runTile(start + tile, worker);
          }
          finished++;
        }
      }
      if (finished > 0 && done.addAndGet(finished) == tiles && ownerParked) {
        LockSupport.unpark(owner);
      }
    }

    private void runTile(int tile, Worker worker) {
      try {
        body.run(tile, worker);
      } catch (RuntimeException | Error e) {
        failure.compareAndSet(null, e);
      }
    }

    void await() {
      long deadline = System.nanoTime() + SPIN_NANOS;
      int turns = 0;
      while (done.get() < tiles) {
        if (++turns % TURNS_PER_CLOCK != 0 || System.nanoTime() < deadline) {
          Thread.onSpinWait();
        } else {
          ownerParked = true;
          if (done.get() < tiles) {
            LockSupport.park(this);
          }
          ownerParked = false;
        }
      }
    }

    void rethrow() {
      Throwable thrown = failure.get();
      if (thrown instanceof RuntimeException e) {
        throw e;
      }
      if (thrown instanceof Error e) {
        throw e;
      }
    }
  }

  private final class Member extends Thread {
    private final int index;
    private final Worker worker;
    private volatile boolean parked;

    Member(int index, Worker worker) {
      super("firesteel-compute-" + index);
      this.index = index;
      this.worker = worker;
      setDaemon(true);
    }

    void wake() {
      if (parked) {
        LockSupport.unpark(this);
      }
    }

    @Override
    public void run() {
      Region last = null;
      while (!closed) {
        Region region = awaitNext(last);
        if (region != last) {
          region.work(index, worker);
          last = region;
        }
      }
    }

    /** The current region once it is not {@code last}; {@code last} when the pool is closed. */
    private Region awaitNext(Region last) {
      long deadline = System.nanoTime() + SPIN_NANOS;
      int turns = 0;
      Region region = current;
      while (region == last && !closed) {
        if (++turns % TURNS_PER_CLOCK != 0 || System.nanoTime() < deadline) {
          Thread.onSpinWait();
        } else {
          parked = true;
          if (current == last && !closed) {
            LockSupport.park(WorkerPool.this);
          }
          parked = false;
        }
        region = current;
      }
      return region;
    }
  }
}
