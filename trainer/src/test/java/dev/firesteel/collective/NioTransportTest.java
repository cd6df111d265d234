package dev.firesteel.collective;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assumptions.assumeThat;

import dev.firesteel.collective.CollectiveFailure.Kind;
import java.io.IOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.Socket;
import java.nio.file.DirectoryStream;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Arrays;
import java.util.Collections;
import java.util.List;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

class NioTransportTest {
  private static final int LARGE = 5 * 1_048_576;
  private static final Duration LONG = Duration.ofMinutes(10);

  /** After the handshakes, within the first large frames. */
  private static final long WITHIN_FRAMES = 1_000_000;

  private final ExecutorService threads = Executors.newCachedThreadPool();

  @AfterEach
  void endThreads() {
    threads.shutdownNow();
  }

  @Test
  void aLostRankIsNamedByBothSides() throws Exception {
    AtomicInteger cuts = new AtomicInteger();
    List<CollectiveException> failures =
        throughProxy(
            LONG,
            (proxy, before, bytes, count) -> {
              if (before > WITHIN_FRAMES && cuts.getAndIncrement() == 0) {
                proxy.cut();
              }
              return true;
            });

    assertThat(cuts.get()).isPositive();
    for (int rank = 0; rank < 2; rank++) {
      CollectiveFailure failure = failures.get(rank).failure().orElseThrow();
      assertThat(failure.kind()).isEqualTo(Kind.LOST);
      assertThat(failure.rank()).isEqualTo(1 - rank);
      assertThat(failures.get(rank))
          .hasMessageStartingWith("rank %d was lost in reduce-scatter", 1 - rank)
          .hasMessageContaining("at step 12");
    }
  }

  @Test
  void aConnectionThatPassesNothingEndsAtTheDeadline() throws Exception {
    AtomicInteger held = new AtomicInteger();
    List<CollectiveException> failures =
        throughProxy(
            Duration.ofMillis(500),
            (proxy, before, bytes, count) -> {
              if (before > WITHIN_FRAMES) {
                held.incrementAndGet();
                return false;
              }
              return true;
            });

    assertThat(held.get()).isPositive();
    for (int rank = 0; rank < 2; rank++) {
      CollectiveFailure failure = failures.get(rank).failure().orElseThrow();
      assertThat(failure.kind()).isEqualTo(Kind.SILENT);
      assertThat(failure.rank()).isEqualTo(1 - rank);
    }
  }

  @Test
  void aByteThatChangesOnTheWireIsFound() throws Exception {
    AtomicInteger changed = new AtomicInteger();
    List<CollectiveException> failures =
        throughProxy(
            LONG,
            (proxy, before, bytes, count) -> {
              if (before > WITHIN_FRAMES && changed.getAndIncrement() == 0) {
                bytes[count / 2] ^= 1;
              }
              return true;
            });

    assertThat(changed.get()).isPositive();
    assertThat(failures)
        .allSatisfy(
            e -> {
              assertThat(e.failure().orElseThrow().kind()).isEqualTo(Kind.DAMAGED);
              assertThat(e).hasMessageMatching("damaged frame from rank [01] in reduce-scatter.*");
            });
    assertThat(failures.get(0).failure()).isEqualTo(failures.get(1).failure());
  }

  /** Two ranks, one of which reaches the other through a proxy; what they fail with. */
  private List<CollectiveException> throughProxy(Duration deadline, WireProxy.Fault fault)
      throws Exception {
    NioListener listener0 = open();
    NioListener listener1 = open();
    try (WireProxy proxy = new WireProxy(listener0.address(), fault)) {
      List<InetSocketAddress> addresses = List.of(proxy.address(), listener1.address());
      Future<NioTransport> join0 =
          threads.submit(() -> listener0.join(member(0, 2), addresses, LONG));
      Future<NioTransport> join1 =
          threads.submit(() -> listener1.join(member(1, 2), addresses, LONG));
      // No fault before both have come together: a handshake that is cut begins anew.
      NioTransport transport0 = join0.get(30, TimeUnit.SECONDS);
      NioTransport transport1 = join1.get(30, TimeUnit.SECONDS);
      Future<Void> sum0 = threads.submit(() -> sum(transport0, deadline));
      Future<Void> sum1 = threads.submit(() -> sum(transport1, deadline));
      return List.of(PeerWorld.failure(sum0), PeerWorld.failure(sum1));
    }
  }

  private static Void sum(NioTransport transport, Duration deadline) {
    try (PeerCollective collective = new PeerCollective(transport, deadline)) {
      collective.enterStep(12);
      collective.reduceScatter(new float[LARGE], 0, LARGE).await();
      collective.barrier();
      return null;
    }
  }

  @Test
  void aProcessOfAnotherAttemptIsRefused() throws Exception {
    Membership stale = new Membership(PeerWorld.ATTEMPT - 1, 1, 2, PeerWorld.secret());

    refuses(
        stale,
        "rank 0 refused this process: it is of another attempt of the run, or of another run (seen by rank 1)");
  }

  @Test
  void aProcessThatDoesNotKnowTheSecretIsRefused() throws Exception {
    byte[] wrong = new byte[Membership.SECRET_BYTES];
    Membership stranger = new Membership(PeerWorld.ATTEMPT, 1, 2, wrong);

    refuses(
        stranger,
        "rank 0 refused this process: the process at its address does not know the secret of this attempt, or has another rank (seen by rank 1)");
  }

  @Test
  void aProcessOfAWorldOfAnotherSizeIsRefused() throws Exception {
    Membership other = new Membership(PeerWorld.ATTEMPT, 1, 3, PeerWorld.secret());

    refuses(other, "rank 0 refused this process: it has a different world size (seen by rank 1)");
  }

  /** The intruder fails, those who belong together come together. */
  private void refuses(Membership intruder, String message) throws Exception {
    NioListener listener0 = open();
    NioListener listener1 = open();
    List<InetSocketAddress> addresses = List.of(listener0.address(), listener1.address());
    Future<Void> rank0 = threads.submit(() -> meet(listener0.join(member(0, 2), addresses, LONG)));
    List<InetSocketAddress> ofIntruder =
        Collections.nCopies(intruder.worldSize(), listener0.address());
    NioListener listener = open();
    Future<?> refused = threads.submit(() -> listener.join(intruder, ofIntruder, LONG));

    CollectiveException refusal = PeerWorld.failure(refused);
    assertThat(refusal).hasMessage(message);
    assertThat(refusal.failure().orElseThrow().kind()).isEqualTo(Kind.REFUSED);

    Future<Void> rank1 = threads.submit(() -> meet(listener1.join(member(1, 2), addresses, LONG)));
    rank0.get(30, TimeUnit.SECONDS);
    rank1.get(30, TimeUnit.SECONDS);
  }

  private static Void meet(NioTransport transport) {
    try (PeerCollective collective = new PeerCollective(transport, LONG)) {
      collective.barrier();
      return null;
    }
  }

  @Test
  void aProofOfAnotherSecretIsRefused() {
    byte[] wrong = new byte[Membership.SECRET_BYTES];
    Handshake honest = Handshake.accepting(member(0, 2));
    Handshake liar = Handshake.connecting(new Membership(PeerWorld.ATTEMPT, 1, 2, wrong), 0, 0);
    honest.challenge(liar.hello());

    byte[] verdict = honest.verdict(new byte[Handshake.PROOF_BYTES]);

    assertThat(honest.welcome()).isFalse();
    assertThatThrownBy(() -> liar.conclude(verdict))
        .isInstanceOf(CollectiveException.class)
        .hasMessageContaining("it does not know the secret of this attempt");
  }

  @Test
  void aStrangerWhoSaysNothingKeepsNobodyWaiting() throws Exception {
    NioListener listener0 = open();
    NioListener listener1 = open();
    List<InetSocketAddress> addresses = List.of(listener0.address(), listener1.address());
    try (Socket stranger = connect(listener0.address())) {
      Future<Void> rank0 =
          threads.submit(() -> meet(listener0.join(member(0, 2), addresses, LONG)));
      Future<Void> rank1 =
          threads.submit(() -> meet(listener1.join(member(1, 2), addresses, LONG)));
      rank0.get(30, TimeUnit.SECONDS);
      rank1.get(30, TimeUnit.SECONDS);

      assertThat(stranger.getInputStream().read()).isEqualTo(-1);
    }
  }

  private static Socket connect(InetSocketAddress address) throws IOException {
    return new Socket(address.getAddress(), address.getPort());
  }

  @Test
  void aRankThatDoesNotComeIsNamed() throws Exception {
    NioListener listener = open();
    InetSocketAddress absent = unused();

    assertThatThrownBy(
            () ->
                listener.join(
                    member(0, 2), List.of(listener.address(), absent), Duration.ofMillis(300)))
        .isInstanceOf(CollectiveException.class)
        .hasMessage(
            "rank 1 cannot be reached: %s did not connect within 0.3 s (seen by rank 0)", absent);
  }

  @Test
  void aRankThatCannotBeReachedIsNamed() throws Exception {
    NioListener listener = open();
    InetSocketAddress absent = unused();

    assertThatThrownBy(
            () ->
                listener.join(
                    member(1, 2), List.of(absent, listener.address()), Duration.ofMillis(300)))
        .isInstanceOf(CollectiveException.class)
        .hasMessageStartingWith("rank 0 cannot be reached: %s does not let it connect", absent)
        .hasMessageContaining("refused");
  }

  @Test
  void closingLeavesNoSocketAndNoThread() throws Exception {
    long before = openSockets();
    List<NioTransport> world = PeerWorld.transports(PeerWorld.Way.SOCKETS, threads, 3);
    assertThat(openSockets()).isGreaterThan(before);
    for (NioTransport transport : world) {
      transport.close();
      transport.close();
    }

    // A port on which a thread waits for connections is closed by that thread as it ends.
    assertThat(Thread.getAllStackTraces().keySet())
        .filteredOn(thread -> thread.getName().equals("firesteel-connecting"))
        .allSatisfy(thread -> thread.join(30_000))
        .noneMatch(Thread::isAlive);
    assertThat(openSockets()).isEqualTo(before);
  }

  /** Of this process, as Linux lists them. */
  private static long openSockets() throws IOException {
    Path descriptors = Path.of("/proc/self/fd");
    assumeThat(descriptors).isDirectory();
    long sockets = 0;
    try (DirectoryStream<Path> entries = Files.newDirectoryStream(descriptors)) {
      for (Path entry : entries) {
        if (Files.isSymbolicLink(entry) && target(entry).startsWith("socket:")) {
          sockets++;
        }
      }
    }
    return sockets;
  }

  private static String target(Path link) throws IOException {
    try {
      return Files.readSymbolicLink(link).toString();
    } catch (NoSuchFileException e) {
      // The listing's own descriptor, closed since.
      return "";
    }
  }

  @Test
  void aSecretMustBeLong() {
    assertThatThrownBy(() -> new Membership(1, 0, 2, Arrays.copyOf(PeerWorld.secret(), 31)))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessage("a secret must have 32 bytes, got 31");
  }

  private static NioListener open() throws IOException {
    return NioListener.openForSockets(InetAddress.getLoopbackAddress());
  }

  /** An address where nobody listens. */
  private static InetSocketAddress unused() throws IOException {
    try (NioListener listener = open()) {
      return listener.address();
    }
  }

  private static Membership member(int rank, int worldSize) {
    return new Membership(PeerWorld.ATTEMPT, rank, worldSize, PeerWorld.secret());
  }
}
