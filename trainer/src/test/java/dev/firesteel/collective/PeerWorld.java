package dev.firesteel.collective;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.concurrent.Callable;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.function.UnaryOperator;

/** Ranks with real sockets between them, each used by a thread of its own. */
final class PeerWorld implements AutoCloseable {
  static final long GENERATION = 7;
  private static final Duration CONNECTING = Duration.ofSeconds(30);
  private static final long PATIENCE_SECONDS = 60;

  private final ExecutorService threads = Executors.newCachedThreadPool();
  private final List<PeerCollective> ranks = new ArrayList<>();

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

  static PeerWorld open(int size) throws Exception {
    return open(size, Duration.ofSeconds(30), UnaryOperator.identity());
  }

  static PeerWorld open(int size, GradientFormat format) throws Exception {
    return open(size, Duration.ofSeconds(30), UnaryOperator.identity(), format);
  }

  static PeerWorld open(int size, Duration deadline, UnaryOperator<Transport> wrapper)
      throws Exception {
    return open(size, deadline, wrapper, GradientFormat.FP32);
  }

  /**
   * Opens a world.
   *
   * @param wrapper puts something between a rank and its transport
   */
  static PeerWorld open(
      int size, Duration deadline, UnaryOperator<Transport> wrapper, GradientFormat format)
      throws Exception {
    PeerWorld world = new PeerWorld();
    for (Transport transport : transports(world.threads, size)) {
      world.ranks.add(new PeerCollective(wrapper.apply(transport), deadline, format));
    }
    return world;
  }

  static List<NioTransport> transports(ExecutorService threads, int size) throws Exception {
    List<NioListener> listeners = new ArrayList<>();
    List<InetSocketAddress> addresses = new ArrayList<>();
    for (int rank = 0; rank < size; rank++) {
      listeners.add(NioListener.open(InetAddress.getLoopbackAddress()));
      addresses.add(listeners.get(rank).address());
    }
    List<Callable<NioTransport>> joins = new ArrayList<>();
    for (int rank = 0; rank < size; rank++) {
      Membership me = new Membership(GENERATION, rank, size, secret());
      NioListener listener = listeners.get(rank);
      joins.add(() -> listener.join(me, addresses, CONNECTING));
    }
    return results(threads.invokeAll(joins));
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
