package dev.firesteel.collective;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assumptions.assumeThat;

import java.io.IOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.List;
import java.util.concurrent.Callable;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.function.UnaryOperator;

/** Ranks with real connections between them, each used by a thread of its own. */
final class PeerWorld implements AutoCloseable {
  static final long ATTEMPT = 7;
  private static final Duration CONNECTING = Duration.ofSeconds(30);
  private static final long PATIENCE_SECONDS = 60;

  private final ExecutorService threads = Executors.newCachedThreadPool();
  private final List<PeerCollective> ranks = new ArrayList<>();

  /** How frames travel. */
  enum Way {
    SOCKETS {
      @Override
      NioListener listen(InetAddress bind) throws IOException {
        return NioListener.openForSockets(bind);
      }
    },
    MEMORY {
      @Override
      NioListener listen(InetAddress bind) throws IOException {
        return NioListener.open(bind);
      }
    };

    abstract NioListener listen(InetAddress bind) throws IOException;
  }

  /** What one rank does. */
  @FunctionalInterface
  interface RankBody<T> {
    T run(PeerCollective collective) throws Exception;
  }

  private PeerWorld() {}

  static byte[] secret() {
    byte[] secret = new byte[Membership.SECRET_BYTES];
    Arrays.fill(secret, (byte) 42);
    return secret;
  }

  static PeerWorld open(Way way, int size) throws Exception {
    return open(way, size, Duration.ofSeconds(30), UnaryOperator.identity());
  }

  static PeerWorld open(Way way, int size, GradientFormat format) throws Exception {
    return open(way, size, Duration.ofSeconds(30), UnaryOperator.identity(), format);
  }

  static PeerWorld open(Way way, int size, Duration deadline, UnaryOperator<Transport> wrapper)
      throws Exception {
    return open(way, size, deadline, wrapper, GradientFormat.FP32);
  }

  /**
   * Opens a world.
   *
   * @param wrapper puts something between a rank and its transport
   */
  static PeerWorld open(
      Way way, int size, Duration deadline, UnaryOperator<Transport> wrapper, GradientFormat format)
      throws Exception {
    PeerWorld world = new PeerWorld();
    for (NioTransport transport : transports(way, world.threads, size)) {
      assertThat(transport.ranksByMemory()).hasSize(way == Way.MEMORY ? size - 1 : 0);
      world.ranks.add(new PeerCollective(wrapper.apply(transport), deadline, format));
    }
    return world;
  }

  static List<NioTransport> transports(Way way, ExecutorService threads, int size)
      throws Exception {
    return transports(threads, Collections.nCopies(size, way));
  }

  /** Of ranks that may differ in the way they ask for. */
  static List<NioTransport> transports(ExecutorService threads, List<Way> ways) throws Exception {
    if (ways.contains(Way.MEMORY)) {
      assumeSharedMemory(ways.size());
    }
    List<NioListener> listeners = new ArrayList<>();
    List<InetSocketAddress> addresses = new ArrayList<>();
    for (Way way : ways) {
      NioListener listener = way.listen(InetAddress.getLoopbackAddress());
      listeners.add(listener);
      addresses.add(listener.address());
    }
    List<Callable<NioTransport>> joins = new ArrayList<>();
    for (int rank = 0; rank < ways.size(); rank++) {
      Membership me = new Membership(ATTEMPT, rank, ways.size(), secret());
      NioListener listener = listeners.get(rank);
      joins.add(() -> listener.join(me, addresses, CONNECTING));
    }
    return results(threads.invokeAll(joins));
  }

  /**
   * Skips the test where this machine has less memory for so many ranks to share than they take.
   */
  static void assumeSharedMemory(int ranks) throws IOException {
    Path folder = SharedMemory.FOLDER;
    assumeThat(folder).as("memory that processes can share").isDirectory();
    assumeThat(Files.getFileStore(folder).getUsableSpace())
        .as("bytes free in %s", folder)
        .isGreaterThanOrEqualTo((long) ranks * (ranks - 1) * FrameRing.FILE_BYTES);
  }

  PeerCollective rank(int rank) {
    return ranks.get(rank);
  }

  /** Runs all ranks; throws what one of them throws. */
  <T> List<T> run(RankBody<T> body) throws Exception {
    return results(start(body));
  }

  /** Runs all ranks, each of which must fail; what they throw, in order of rank. */
  List<CollectiveException> failures(RankBody<?> body) throws Exception {
    List<CollectiveException> failures = new ArrayList<>();
    for (Future<?> rank : start(body)) {
      failures.add(failure(rank));
    }
    return failures;
  }

  static CollectiveException failure(Future<?> rank) throws Exception {
    try {
      Object result = rank.get(PATIENCE_SECONDS, TimeUnit.SECONDS);
      throw new AssertionError("the rank did not fail, it returned " + result);
    } catch (ExecutionException e) {
      assertThat(e.getCause()).isInstanceOf(CollectiveException.class);
      return (CollectiveException) e.getCause();
    }
  }

  private <T> List<Future<T>> start(RankBody<T> body) {
    List<Future<T>> futures = new ArrayList<>();
    for (PeerCollective rank : ranks) {
      futures.add(threads.submit(() -> body.run(rank)));
    }
    return futures;
  }

  private static <T> List<T> results(List<? extends Future<T>> futures)
      throws InterruptedException, ExecutionException, TimeoutException {
    List<T> results = new ArrayList<>();
    for (Future<T> future : futures) {
      results.add(future.get(PATIENCE_SECONDS, TimeUnit.SECONDS));
    }
    return results;
  }

  @Override
  public void close() throws IOException {
    ranks.forEach(PeerCollective::close);
    threads.shutdownNow();
  }
}
