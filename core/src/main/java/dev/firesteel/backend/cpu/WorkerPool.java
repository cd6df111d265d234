package dev.firesteel.backend.cpu;

import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicReference;
import java.util.concurrent.locks.LockSupport;

/**
 * A fixed team of threads that runs the tiles of one kernel at a time; the calling thread is one of
 * the team. A thread without work spins for {@value #SPIN_NANOS} ns, so that the next kernel starts
 * within a microsecond, and then parks, so that an idle team costs nothing.
 *
 * <p>Which thread runs a tile is left to chance; a kernel must be cut so that this cannot change
 * its result. One thread at a time may call {@link #run}, and no tile may.
 */
final class WorkerPool implements AutoCloseable {
  /** How long a thread waits awake; the gaps between the kernels of a step are shorter. */
  static final long SPIN_NANOS = 300_000;

  /** Looks at the clock once in so many turns of a waiting loop. */
  private static final int TURNS_PER_CLOCK = 64;

  /** What a kernel does for one tile. */
  interface Body {
    void run(int tile, Worker worker);
  }

  private final Worker caller;
  private final List<Member> members = new ArrayList<>();
  private volatile Region current;
  private volatile boolean closed;

  /** A team of {@code threads}, the caller included. */
  WorkerPool(int threads, Simd.Choice simd) {
    if (threads < 1) {
      throw new IllegalArgumentException("WorkerPool: threads must be >= 1, got " + threads);
    }
    caller = new Worker(simd.create());
    for (int i = 1; i < threads; i++) {
      members.add(new Member(i, new Worker(simd.create())));
    }
    members.forEach(Thread::start);
  }

  /** Threads in the team, the caller included. */
  int threads() {
    return 1 + members.size();
  }

  /** The pool's own threads. */
  List<Thread> threadsBesideCaller() {
    return List.copyOf(members);
  }

  /** The state of the calling thread, for work that is not cut into tiles. */
  Worker caller() {
    return caller;
  }

  /**
   * Runs {@code body} for each tile in [0, tiles) and returns when all are done. The first
   * exception that a tile throws is thrown here; tiles that have not started by then are left out.
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
      Region region = new Region(tiles, body, Thread.currentThread());
      current = region;
      for (Member member : members) {
        member.wake();
      }
      region.work(caller);
      region.await();
      region.rethrow();
    }
  }

  /** Ends the threads and waits for their end. */
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

  /** One call of {@link #run}. A late thread finds no tile left in it and does no harm. */
  private static final class Region {
    private final int tiles;
    private final Body body;
    private final Thread owner;
    private final AtomicInteger next = new AtomicInteger();
    private final AtomicInteger done = new AtomicInteger();
    private final AtomicReference<Throwable> failure = new AtomicReference<>();
    private volatile boolean ownerParked;

    Region(int tiles, Body body, Thread owner) {
      this.tiles = tiles;
      this.body = body;
      this.owner = owner;
    }

    void work(Worker worker) {
      int finished = 0;
      for (int tile = next.getAndIncrement(); tile < tiles; tile = next.getAndIncrement()) {
        if (failure.get() == null) {
          runTile(tile, worker);
        }
        finished++;
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
    private final Worker worker;
    private volatile boolean parked;

    Member(int index, Worker worker) {
      super("firesteel-compute-" + index);
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
          region.work(worker);
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
