package dev.firesteel.collective;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.firesteel.collective.CollectiveFailure.Kind;
import java.time.Duration;
import java.util.List;
import java.util.Objects;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicReference;
import java.util.function.UnaryOperator;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.Parameter;
import org.junit.jupiter.params.ParameterizedClass;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.ValueSource;

@ParameterizedClass
@EnumSource(PeerWorld.Way.class)
class PeerCollectiveFaultTest {
  private static final int LARGE = 5 * 1_048_576;
  private static final Duration LONG = Duration.ofMinutes(10);

  @Parameter private PeerWorld.Way way;

  /** What stays connected but answers nothing is told apart from what waits for it. */
  @ParameterizedTest
  @ValueSource(ints = {2, 3, 4, 8})
  void namesTheRankThatDidNotAnswer(int worldSize) throws Exception {
    int silent = worldSize - 1;
    CountDownLatch othersFailed = new CountDownLatch(worldSize - 1);
    try (PeerWorld world =
        PeerWorld.open(way, worldSize, Duration.ofMillis(500), UnaryOperator.identity())) {
      List<CollectiveException> failures =
          world.failures(
              collective -> {
                collective.enterStep(12);
                if (collective.rank() == silent) {
                  assertThat(othersFailed.await(30, TimeUnit.SECONDS)).isTrue();
                  collective.barrier();
                }
                try {
                  collective.reduceScatter(new float[LARGE], 0, LARGE).await();
                } finally {
                  othersFailed.countDown();
                }
                return null;
              });

      assertThat(failures)
          .allSatisfy(
              e -> {
                assertThat(e)
                    .hasMessageStartingWith("rank %d did not answer in reduce-scatter", silent)
                    .hasMessageContaining("(call 0) at step 12: within 0.5 s");
                CollectiveFailure failure = e.failure().orElseThrow();
                assertThat(failure.kind()).isEqualTo(Kind.SILENT);
                assertThat(failure.rank()).isEqualTo(silent);
                assertThat(failure.seenBy()).isNotEqualTo(silent);
                assertThat(failure.step()).isEqualTo(12);
              });
    }
  }

  @Test
  void aDamagedPayloadIsFoundAndNamed() throws Exception {
    // The first frame of rank 1 belongs to the barrier.
    damage(1, Frame.HEADER_BYTES + 1000, "its payload has the checksum");
  }

  @Test
  void aDamagedHeaderIsFoundAndNamed() throws Exception {
    damage(1, 49, "its header has the checksum");
  }

  @Test
  void aStreamThatIsNoFrameIsFoundAndNamed() throws Exception {
    damage(1, 0, "it begins with ");
  }

  private void damage(int frame, int at, String expected) throws Exception {
    AtomicInteger damaged = new AtomicInteger();
    UnaryOperator<Transport> wrapper =
        transport ->
            new TamperingTransport(
                transport,
                (n, bytes) -> {
                  if (transport.rank() == 1 && n == frame) {
                    bytes.put(at, (byte) (bytes.get(at) ^ 4));
                    damaged.incrementAndGet();
                  }
                });
    try (PeerWorld world = PeerWorld.open(way, 4, LONG, wrapper)) {
      List<CollectiveException> failures =
          world.failures(
              collective -> {
                collective.enterStep(12);
                collective.reduceScatter(new float[LARGE], 0, LARGE).await();
                return null;
              });

      assertThat(damaged).hasValue(1);
      assertThat(failures)
          .allSatisfy(
              e -> {
                assertThat(e)
                    .hasMessageStartingWith(
                        "damaged frame from rank 1 in reduce-scatter of %d (call 0) at step 12: %s",
                        LARGE, expected);
                assertThat(e.failure().orElseThrow().kind()).isEqualTo(Kind.DAMAGED);
                assertThat(e.failure().orElseThrow().rank()).isEqualTo(1);
                assertThat(e.failure().orElseThrow().seenBy()).isEqualTo(0);
              });
    }
  }

  @Test
  void otherCallsAreFound() throws Exception {
    List<CollectiveException> failures =
        mismatch(
            collective -> collective.allReduce(new double[3]), collective -> collective.barrier());

    assertThat(failures.get(0).failure().orElseThrow().reason())
        .isIn(
            "expected all-reduce of 3 (call 0) at step 4, got barrier of 0 (call 0) at step 4",
            "expected barrier of 0 (call 0) at step 4, got all-reduce of 3 (call 0) at step 4");
  }

  @Test
  void otherSizesAreFound() throws Exception {
    List<CollectiveException> failures =
        mismatch(
            collective -> collective.reduceScatter(new float[100], 0, 100).await(),
            collective -> collective.reduceScatter(new float[101], 0, 101).await());

    assertThat(failures.get(0)).hasMessageContaining("reduce-scatter of 100 (call 0) at step 4");
    assertThat(failures.get(0)).hasMessageContaining("reduce-scatter of 101 (call 0) at step 4");
  }

  @Test
  void otherStepsAreFound() throws Exception {
    List<CollectiveException> failures =
        mismatch(
            Collective::barrier,
            collective -> {
              collective.enterStep(5);
              collective.barrier();
            });

    assertThat(failures.get(0)).hasMessageContaining("at step 5");
    assertThat(failures.get(0)).hasMessageContaining("at step 4");
  }

  @Test
  void aCallMoreIsFound() throws Exception {
    List<CollectiveException> failures =
        mismatch(
            Collective::barrier,
            collective -> {
              collective.barrier();
              collective.allReduce(new double[1]);
            });

    assertThat(failures.get(0).failure().orElseThrow().kind()).isEqualTo(Kind.DEPARTED);
    assertThat(failures.get(0))
        .hasMessageStartingWith("rank 0 had closed its collective in all-reduce of 1 (call 1)");
  }

  /** What the ranks that fail say; a rank that is done closes its collective. */
  private List<CollectiveException> mismatch(Call ofRank0, Call ofRank1) throws Exception {
    try (PeerWorld world = PeerWorld.open(way, 2, LONG, UnaryOperator.identity())) {
      List<CollectiveException> failures =
          world
              .<CollectiveException>run(
                  collective -> {
                    collective.enterStep(4);
                    try {
                      (collective.rank() == 0 ? ofRank0 : ofRank1).run(collective);
                      collective.close();
                      return null;
                    } catch (CollectiveException e) {
                      return e;
                    }
                  })
              .stream()
              .filter(Objects::nonNull)
              .toList();
      assertThat(failures).isNotEmpty();
      return failures;
    }
  }

  /** A call, or several, of one rank. */
  @FunctionalInterface
  private interface Call {
    void run(Collective collective);
  }

  @ParameterizedTest
  @ValueSource(ints = {2, 3, 4})
  void anAbortFromAnotherThreadEndsBlockedCallsWithItsReason(int worldSize) throws Exception {
    CountDownLatch exchanging = new CountDownLatch(worldSize - 1);
    UnaryOperator<Transport> wrapper =
        transport ->
            new TamperingTransport(
                transport,
                (n, frame) -> {
                  if (n == 0) {
                    exchanging.countDown();
                  }
                });
    try (PeerWorld world = PeerWorld.open(way, worldSize, LONG, wrapper)) {
      // The others wait for rank 1, in frames that are larger than all buffers on the way.
      List<CollectiveException> failures =
          world.failures(
              collective -> {
                if (collective.rank() != 1) {
                  collective.reduceScatter(new float[LARGE], 0, LARGE).await();
                }
                assertThat(exchanging.await(30, TimeUnit.SECONDS)).isTrue();
                Thread other = new Thread(() -> collective.abort("no memory left"), "other");
                other.start();
                other.join();
                collective.allReduce(new double[1]);
                return null;
              });

      assertThat(failures)
          .allSatisfy(
              e -> {
                CollectiveFailure failure = e.failure().orElseThrow();
                assertThat(failure.kind()).isEqualTo(Kind.ABORTED);
                assertThat(failure.rank()).isEqualTo(1);
                assertThat(failure.seenBy()).isEqualTo(1);
                assertThat(failure.reason()).isEqualTo("no memory left");
              });
    }
  }

  @Test
  void laterCallsThrowTheFirstFailure() throws Exception {
    try (PeerWorld world = PeerWorld.open(way, 2, LONG, UnaryOperator.identity())) {
      world.rank(1).abort("the first reason");
      world.rank(1).abort("the second reason");
      List<CollectiveException> failures =
          world.failures(
              collective -> {
                Transfer transfer = collective.allGather(new float[9], 0, 9);
                for (Runnable call :
                    List.<Runnable>of(
                        transfer::await,
                        collective::barrier,
                        () -> collective.allReduce(new double[1]),
                        () -> collective.allGather(new byte[1]),
                        collective.reduceScatter(new float[7], 0, 7)::await)) {
                  assertThatThrownBy(call::run)
                      .isInstanceOf(CollectiveException.class)
                      .hasMessageStartingWith("rank 1 gave up: the first reason");
                }
                collective.barrier();
                return null;
              });

      assertThat(failures).hasSize(2);
    }
  }

  @Test
  void anErrorInACallAbortsWithTheError() throws Exception {
    UnaryOperator<Transport> wrapper =
        transport ->
            new TamperingTransport(
                transport,
                (n, frame) -> {
                  if (transport.rank() == 0 && n == 2) {
                    throw new IllegalStateException("a defect");
                  }
                });
    try (PeerWorld world = PeerWorld.open(way, 2, LONG, wrapper)) {
      List<CollectiveException> failures =
          world.failures(
              collective -> {
                collective.reduceScatter(new float[LARGE], 0, LARGE).await();
                return null;
              });

      assertThat(failures)
          .allSatisfy(
              e ->
                  assertThat(e)
                      .hasMessage("rank 0 gave up: java.lang.IllegalStateException: a defect"));
      assertThat(failures.get(0)).hasRootCauseMessage("a defect");
    }
  }

  @Test
  void anInterruptAbortsAndIsKept() throws Exception {
    AtomicReference<Thread> waiting = new AtomicReference<>();
    CountDownLatch begun = new CountDownLatch(1);
    CountDownLatch ended = new CountDownLatch(1);
    try (PeerWorld world = PeerWorld.open(way, 2, LONG, UnaryOperator.identity())) {
      List<CollectiveException> failures =
          world.failures(
              collective -> {
                if (collective.rank() == 0) {
                  waiting.set(Thread.currentThread());
                  Transfer transfer = collective.reduceScatter(new float[LARGE], 0, LARGE);
                  begun.countDown();
                  try {
                    transfer.await();
                  } finally {
                    assertThat(Thread.interrupted()).isTrue();
                    ended.countDown();
                  }
                }
                begun.await();
                waiting.get().interrupt();
                // Not before rank 0 has failed: two calls that differ are a failure too.
                assertThat(ended.await(30, TimeUnit.SECONDS)).isTrue();
                collective.barrier();
                return null;
              });

      assertThat(failures)
          .allSatisfy(
              e ->
                  assertThat(e)
                      .hasMessage(
                          "rank 0 gave up: the thread that waited for a call was interrupted"));
    }
  }
}
