package dev.firesteel.backend.cpu;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.util.Arrays;
import java.util.List;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicIntegerArray;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** A hand-over that loses a wake-up would hang: hence the time limits. */
@Timeout(value = 2, unit = TimeUnit.MINUTES, threadMode = Timeout.ThreadMode.SEPARATE_THREAD)
class WorkerPoolTest {
  @ParameterizedTest
  @ValueSource(ints = {1, 2, 5})
  void runsEachTileOnce(int threads) {
    try (WorkerPool pool = new WorkerPool(threads, Simd.Choice.SCALAR)) {
      for (int round = 0; round < 2000; round++) {
        int tiles = round % 7;
        AtomicIntegerArray runs = new AtomicIntegerArray(tiles);
        pool.run(tiles, (tile, worker) -> runs.incrementAndGet(tile));
        for (int tile = 0; tile < tiles; tile++) {
          assertThat(runs.get(tile)).isEqualTo(1);
        }
      }
    }
  }

  @Test
  void wakesParkedThreads() throws InterruptedException {
    try (WorkerPool pool = new WorkerPool(3, Simd.Choice.SCALAR)) {
      for (int round = 0; round < 5; round++) {
        awaitParked(pool);
        // Each tile waits for the others: all three threads have to come.
        CountDownLatch together = new CountDownLatch(3);
        Set<Worker> workers = ConcurrentHashMap.newKeySet();
        pool.run(
            3,
            (tile, worker) -> {
              workers.add(worker);
              together.countDown();
              awaitUninterruptibly(together);
            });
        assertThat(workers).hasSize(3);
      }
    }
  }

  @Test
  void callerWaitsForSlowTiles() {
    try (WorkerPool pool = new WorkerPool(2, Simd.Choice.SCALAR)) {
      boolean[] done = new boolean[2];
      CountDownLatch together = new CountDownLatch(2);
      pool.run(
          2,
          (tile, worker) -> {
            together.countDown();
            awaitUninterruptibly(together);
            if (worker != pool.caller()) {
              sleep(50);
            }
            done[tile] = true;
          });
      assertThat(done).containsExactly(true, true);
    }
  }

  @ParameterizedTest
  @ValueSource(ints = {1, 3})
  void throwsWhatATileThrowsAndGoesOn(int threads) {
    try (WorkerPool pool = new WorkerPool(threads, Simd.Choice.SCALAR)) {
      assertThatThrownBy(
              () ->
                  pool.run(
                      20,
                      (tile, worker) -> {
                        if (tile == 11) {
                          throw new IllegalArgumentException("tile 11");
                        }
                      }))
          .isInstanceOf(IllegalArgumentException.class)
          .hasMessage("tile 11");
      AtomicIntegerArray runs = new AtomicIntegerArray(20);
      pool.run(20, (tile, worker) -> runs.incrementAndGet(tile));
      assertThat(runs.toString()).isEqualTo(new AtomicIntegerArray(ones(20)).toString());
    }
  }

  @Test
  void closeEndsTheThreads() {
    WorkerPool pool = new WorkerPool(3, Simd.Choice.SCALAR);
    List<Thread> threads = pool.threadsBesideCaller();
    assertThat(threads).hasSize(2).allMatch(Thread::isAlive).allMatch(Thread::isDaemon);
    pool.close();
    assertThat(threads).noneMatch(Thread::isAlive);
    assertThatThrownBy(() -> pool.run(1, (tile, worker) -> {}))
        .isInstanceOf(IllegalStateException.class)
        .hasMessage("WorkerPool: the backend is closed");
  }

  @Test
  void refusesNoThreads() {
    assertThatThrownBy(() -> new WorkerPool(0, Simd.Choice.SCALAR))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessage("WorkerPool: threads must be >= 1, got 0");
  }

  /** Returns when no thread of the pool is awake: an idle pool uses no CPU time. */
  private static void awaitParked(WorkerPool pool) {
    for (Thread thread : pool.threadsBesideCaller()) {
      while (thread.getState() != Thread.State.WAITING) {
        sleep(1);
      }
    }
  }

  private static void sleep(int millis) {
    try {
      Thread.sleep(millis);
    } catch (InterruptedException e) {
      throw new AssertionError(e);
    }
  }

  private static void awaitUninterruptibly(CountDownLatch latch) {
    try {
      latch.await();
    } catch (InterruptedException e) {
      throw new AssertionError(e);
    }
  }

  private static int[] ones(int size) {
    int[] ones = new int[size];
    Arrays.fill(ones, 1);
    return ones;
  }
}
