package dev.firesteel.checkpoint;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.firesteel.checkpoint.AsyncCheckpoints.Committed;
import dev.firesteel.collective.Collective;
import dev.firesteel.collective.CollectiveException;
import dev.firesteel.collective.ThreadCollective;
import dev.firesteel.error.UserException;
import dev.firesteel.run.RunDirectory;
import java.io.IOException;
import java.io.InterruptedIOException;
import java.io.OutputStream;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Optional;
import java.util.OptionalDouble;
import java.util.concurrent.Callable;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.function.IntFunction;
import org.apache.hadoop.fs.FileSystem;
import org.apache.hadoop.fs.Path;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.ValueSource;

@Timeout(120)
class AsyncCheckpointsTest {
  @TempDir java.nio.file.Path folder;
  private final List<String> notices = Collections.synchronizedList(new ArrayList<>());
  private final ExecutorService ranks = Executors.newCachedThreadPool();
  private Duration limit = Duration.ofMinutes(1);
  private FileSystem local;

  /** What a rank does. */
  @FunctionalInterface
  private interface Rank {
    void run(AsyncCheckpoints checkpoints, Collective collective) throws Exception;
  }

  @BeforeEach
  void openFiles() throws IOException {
    local = FailingFileSystem.local();
  }

  @AfterEach
  void leavesNoThread() throws InterruptedException {
    ranks.shutdown();
    assertThat(ranks.awaitTermination(1, TimeUnit.MINUTES)).isTrue();
    awaitNoCheckpointThread();
  }

  private static void awaitNoCheckpointThread() throws InterruptedException {
    for (Thread thread : Thread.getAllStackTraces().keySet()) {
      if (thread.getName().startsWith("firesteel-checkpoint-")) {
        thread.join(Duration.ofSeconds(30).toMillis());
        assertThat(thread.isAlive()).as(thread.getName()).isFalse();
      }
    }
  }

  @Test
  void savesBesideTheSteps() throws Exception {
    CountDownLatch goOn = new CountDownLatch(1);
    List<Integer> stepsMeanwhile = Collections.synchronizedList(new ArrayList<>());
    onRanks(
        2,
        local,
        (checkpoints, collective) -> {
          assertThat(checkpoints.poll()).isEmpty();
          assertThat(checkpoints.start(10, OptionalDouble.of(1.5), slow(collective.rank(), goOn)))
              .isEmpty();
          for (int step = 11; step < 20; step++) {
            assertThat(checkpoints.poll()).isEmpty();
            stepsMeanwhile.add(step);
          }
          assertThat(store(local).list()).isEmpty();
          goOn.countDown();
          Committed committed = checkpoints.finish().orElseThrow();
          assertThat(committed.step()).isEqualTo(10);
          assertThat(committed.directory().getName()).isEqualTo("step-00000010");
          assertThat(checkpoints.finish()).isEmpty();
        });
    assertThat(stepsMeanwhile).hasSize(18);
    Checkpoint saved = store(local).latest().orElseThrow();
    saved.verify();
    assertThat(saved.score()).hasValue(1.5);
    assertThat(saved.files()).containsExactly("rank-0.bin", "rank-1.bin");
    assertThat(saved.text("rank-1.bin")).isEqualTo("of rank 1, to its end");
  }

  @Test
  void aFileSystemThatAnswersNoMoreEndsTheRun() throws Exception {
    CountDownLatch never = new CountDownLatch(1);
    refusesToWaitFor(
        1,
        out -> {
          try {
            never.await();
          } catch (InterruptedException e) {
            throw new InterruptedIOException();
          }
        });
  }

  @Test
  void aThreadThatHeedsNoInterruptIsLeftToItself() throws Exception {
    CountDownLatch released = new CountDownLatch(1);
    refusesToWaitFor(0, out -> awaitWithoutHeedingInterrupts(released));
    released.countDown();
    awaitNoCheckpointThread();
    assertThat(store(local).list()).as("not committed when it goes on either").isEmpty();
  }

  /** The rank that is late says so, the other hears it, and there is no checkpoint. */
  private void refusesToWaitFor(int late, Body hanging) throws Exception {
    limit = Duration.ofSeconds(1);
    onRanks(
        2,
        local,
        (checkpoints, collective) -> {
          int rank = collective.rank();
          checkpoints.start(
              10,
              OptionalDouble.empty(),
              rank == late ? content("rank-" + rank + ".bin", hanging) : file(rank));
          assertThatThrownBy(checkpoints::finish)
              .isInstanceOf(rank == late ? UserException.class : CollectiveException.class)
              .hasMessageContaining(
                  "step-00000010 must be written within 1 s (checkpoint.timeout_seconds), and was not");
        });
    assertThat(store(local).list()).isEmpty();
  }

  private static void awaitWithoutHeedingInterrupts(CountDownLatch latch) {
    while (latch.getCount() > 0) {
      try {
        latch.await();
      } catch (InterruptedException e) {
        assertThat(latch.getCount()).as("like a file system that hangs").isEqualTo(1);
      }
    }
  }

  @Test
  void aStepFindsThatItIsCommitted() throws Exception {
    onRanks(
        2,
        local,
        (checkpoints, collective) -> {
          checkpoints.start(1, OptionalDouble.empty(), file(collective.rank()));
          Optional<Committed> committed = Optional.empty();
          while (committed.isEmpty()) {
            Thread.sleep(1);
            committed = checkpoints.poll();
          }
          assertThat(committed.get().step()).isEqualTo(1);
          assertThat(checkpoints.poll()).isEmpty();
        });
    assertThat(store(local).list()).hasSize(1);
  }

  @Test
  void oneIsOnItsWayAtATimeAndOldOnesGo() throws Exception {
    onRanks(
        2,
        local,
        (checkpoints, collective) -> {
          for (long step = 1; step <= 4; step++) {
            Optional<Committed> before =
                checkpoints.start(
                    step,
                    step == 1 ? OptionalDouble.of(1) : OptionalDouble.of(2),
                    file(collective.rank()));
            assertThat(before.map(Committed::step))
                .isEqualTo(step == 1 ? Optional.empty() : Optional.of(step - 1));
          }
          checkpoints.finish();
        });
    assertThat(store(local).list()).extracting(Checkpoint::step).containsExactly(1L, 3L, 4L);
  }

  @ParameterizedTest
  @EnumSource(FailingFileSystem.Mode.class)
  void aFailureAnywhereIsToldOnAllRanksAndLeavesTheEarlierOnes(FailingFileSystem.Mode mode)
      throws Exception {
    saveOne();
    int operations = 0;
    for (boolean saved = false; !saved; operations++) {
      FileSystem failing = FailingFileSystem.after(mode, operations);
      List<String> failures = Collections.synchronizedList(new ArrayList<>());
      AtomicInteger consequences = new AtomicInteger();
      onRanks(
          2,
          failing,
          (checkpoints, collective) -> {
            checkpoints.start(2, OptionalDouble.empty(), file(collective.rank()));
            try {
              checkpoints.finish();
            } catch (UserException e) {
              failures.add(e.getMessage());
            } catch (CollectiveException e) {
              failures.add(e.getMessage().replace("another rank gave up: ", ""));
              consequences.incrementAndGet();
            }
          });
      saved = failures.isEmpty();
      if (!saved) {
        assertThat(consequences).as("ranks that did not fail themselves").hasValueLessThan(2);
        assertThat(failures)
            .hasSize(2)
            .containsOnly(
                "writing the checkpoint %s/step-00000002 failed, the disk or quota is full: free space or choose another folder"
                    .formatted(folder));
      }
      List<Checkpoint> left = store(local).list();
      left.forEach(Checkpoint::verify);
      assertThat(left).extracting(Checkpoint::step).startsWith(1L);
      if (mode == FailingFileSystem.Mode.DISK_FULL && !saved && left.size() == 1) {
        assertThat(folder.resolve("step-00000002")).doesNotExist();
      }
      if (left.size() == 2) {
        store(local).delete(left.get(1));
      }
    }
    // Making the folder; creating, writing and closing two files and the manifest.
    assertThat(operations).isGreaterThanOrEqualTo(10);
  }

  @ParameterizedTest
  @ValueSource(ints = {0, 1})
  void aRankThatFailsStopsTheOtherInTheMidst(int failing) throws Exception {
    saveOne();
    CountDownLatch writing = new CountDownLatch(1);
    CheckpointStore.Content endless =
        content(
            "endless.bin",
            out -> {
              while (true) {
                out.write(new byte[1]);
                writing.countDown();
              }
            });
    CheckpointStore.Content defect =
        content(
            "defect.bin",
            out -> {
              await(writing);
              throw new IllegalArgumentException("a defect");
            });
    onRanks(
        2,
        local,
        (checkpoints, collective) -> {
          boolean fails = collective.rank() == failing;
          checkpoints.start(2, OptionalDouble.empty(), fails ? defect : endless);
          assertThatThrownBy(checkpoints::finish)
              .isInstanceOf(fails ? IllegalStateException.class : CollectiveException.class)
              .hasMessageEndingWith(
                  "writing the checkpoint %s/step-00000002 failed: a defect".formatted(folder));
          // It goes on, if the training loop does.
          checkpoints.start(3, OptionalDouble.empty(), file(collective.rank()));
          assertThat(checkpoints.finish()).isPresent();
        });
    assertThat(store(local).list()).extracting(Checkpoint::step).containsExactly(1L, 3L);
    assertThat(folder.resolve("step-00000002")).doesNotExist();
  }

  @Test
  void closingInTheMidstEndsTheThreadAndLeavesTheEarlierOnes() throws Exception {
    saveOne();
    CountDownLatch writing = new CountDownLatch(2);
    onRanks(
        2,
        local,
        (checkpoints, collective) -> {
          checkpoints.start(
              2,
              OptionalDouble.empty(),
              content(
                  "endless-" + collective.rank(),
                  out -> {
                    writing.countDown();
                    while (true) {
                      out.write(new byte[1]);
                    }
                  }));
          double[] ranksThatSee = {0};
          while (ranksThatSee[0] < collective.worldSize()) {
            assertThat(checkpoints.poll()).isEmpty();
            ranksThatSee[0] = writing.getCount() == 0 ? 1 : 0;
            collective.allReduce(ranksThatSee);
          }
          if (collective.rank() == 1) {
            collective.abort("rank 1 was lost");
          } else {
            assertThatThrownBy(checkpoints::poll).isInstanceOf(CollectiveException.class);
          }
        });
    List<Checkpoint> left = store(local).list();
    left.forEach(Checkpoint::verify);
    assertThat(left).extracting(Checkpoint::step).containsExactly(1L);
  }

  @Test
  void aLaterAttemptStopsTheUploadOfAnEarlierOne() throws Exception {
    RunDirectory run = RunDirectory.at(new Path(folder.toString(), "run"), local.getConf());
    Attempt first = run.beginAttempt(notices::add);
    CountDownLatch goOn = new CountDownLatch(1);
    onRanks(
        2,
        rank -> run.ofAttempt(first.number(), first.token()).checkpoints(notices::add),
        (checkpoints, collective) -> {
          checkpoints.start(1, OptionalDouble.empty(), slow(collective.rank(), goOn));
          checkpoints.poll();
          collective.barrier();
          if (collective.rank() == 0) {
            run.beginAttempt(notices::add);
            goOn.countDown();
          }
          // Of two ranks that are about to write, the later one hears it from the other.
          assertThatThrownBy(checkpoints::finish)
              .isInstanceOfAny(UserException.class, CollectiveException.class)
              .hasMessageContaining(
                  "this process belongs to attempt 1 of the run %s/run, attempt 2 has begun"
                      .formatted(folder));
        });
    assertThat(run.checkpoints(notices::add).list()).isEmpty();
  }

  private void saveOne() throws Exception {
    onRanks(
        2,
        local,
        (checkpoints, collective) -> {
          checkpoints.start(1, OptionalDouble.of(3), file(collective.rank()));
          assertThat(checkpoints.finish()).isPresent();
        });
  }

  private static CheckpointStore.Content file(int rank) {
    return content("rank-" + rank + ".bin", out -> out.write(("of rank " + rank).getBytes(UTF_8)));
  }

  /** Is written by half, and to its end when it may go on. */
  private static CheckpointStore.Content slow(int rank, CountDownLatch goOn) {
    return content(
        "rank-" + rank + ".bin",
        out -> {
          out.write(("of rank " + rank).getBytes(UTF_8));
          await(goOn);
          out.write(", to its end".getBytes(UTF_8));
        });
  }

  private static void await(CountDownLatch latch) {
    try {
      assertThat(latch.await(1, TimeUnit.MINUTES)).isTrue();
    } catch (InterruptedException e) {
      throw new AssertionError(e);
    }
  }

  private CheckpointStore store(FileSystem fs) {
    Path path = new Path(folder.toString());
    return new CheckpointStore(
        fs, path, new AttemptRecords(fs, path), Attempt.unfenced(), notices::add);
  }

  private void onRanks(int world, FileSystem fs, Rank rank) throws Exception {
    onRanks(world, number -> store(fs), rank);
  }

  private void onRanks(int world, IntFunction<CheckpointStore> store, Rank rank) throws Exception {
    List<Callable<Void>> tasks = new ArrayList<>();
    for (Collective collective : ThreadCollective.world(world)) {
      tasks.add(
          () -> {
            try (AsyncCheckpoints checkpoints =
                new AsyncCheckpoints(store.apply(collective.rank()), collective, 2, true, limit)) {
              rank.run(checkpoints, collective);
            } catch (Exception | Error e) {
              collective.abort(e.toString());
              throw e;
            }
            return null;
          });
    }
    List<Throwable> failures = new ArrayList<>();
    for (Future<Void> done : ranks.invokeAll(tasks)) {
      try {
        done.get();
      } catch (ExecutionException e) {
        failures.add(e.getCause());
      }
    }
    if (!failures.isEmpty()) {
      AssertionError failed = new AssertionError("a rank failed", failures.get(0));
      failures.stream().skip(1).forEach(failed::addSuppressed);
      throw failed;
    }
  }

  /** A checkpoint's content of one file. */
  private static CheckpointStore.Content content(String path, Body body) {
    return writer -> {
      try (OutputStream out = writer.create(path)) {
        body.writeTo(out);
      }
    };
  }

  @FunctionalInterface
  private interface Body {
    void writeTo(OutputStream out) throws IOException;
  }
}
