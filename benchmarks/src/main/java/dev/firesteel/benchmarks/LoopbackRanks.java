package dev.firesteel.benchmarks;

import dev.firesteel.collective.Collective;
import dev.firesteel.collective.Membership;
import dev.firesteel.collective.NioListener;
import dev.firesteel.collective.PeerCollective;
import java.io.IOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.security.SecureRandom;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.Callable;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;

/**
 * The real collective among ranks of this process, over sockets of the loopback device. Each rank
 * is used by a thread of its own.
 */
final class LoopbackRanks implements AutoCloseable {
  private static final Duration LIMIT = Duration.ofMinutes(1);

  private final ExecutorService threads;
  private final List<Collective> ranks = new ArrayList<>();

  /** Connects {@code size} ranks. */
  LoopbackRanks(int size) throws IOException {
    threads = Executors.newFixedThreadPool(size);
    byte[] secret = new byte[Membership.SECRET_BYTES];
    new SecureRandom().nextBytes(secret);
    List<NioListener> listeners = new ArrayList<>();
    for (int rank = 0; rank < size; rank++) {
      listeners.add(NioListener.openForSockets(InetAddress.getLoopbackAddress()));
    }
    List<InetSocketAddress> addresses = listeners.stream().map(NioListener::address).toList();
    List<Callable<Collective>> joins = new ArrayList<>();
    for (int rank = 0; rank < size; rank++) {
      NioListener listener = listeners.get(rank);
      Membership me = new Membership(1, rank, size, secret);
      joins.add(() -> new PeerCollective(listener.join(me, addresses, LIMIT), LIMIT));
    }
    ranks.addAll(all(joins));
  }

  /** What each rank does. */
  @FunctionalInterface
  interface Body {
    void run(Collective collective, float[] array);
  }

  /**
   * Seconds that rank 0 takes for {@code body}, which it begins when all ranks are ready.
   *
   * @param arrays one for each rank
   */
  double seconds(float[][] arrays, Body body) {
    List<Callable<Double>> bodies = new ArrayList<>();
    for (int rank = 0; rank < ranks.size(); rank++) {
      Collective collective = ranks.get(rank);
      float[] array = arrays[rank];
      bodies.add(
          () -> {
            collective.barrier();
            long began = System.nanoTime();
            body.run(collective, array);
            return (System.nanoTime() - began) * 1e-9;
          });
    }
    return all(bodies).get(0);
  }

  private <T> List<T> all(List<Callable<T>> bodies) {
    List<T> results = new ArrayList<>();
    try {
      for (Future<T> future : threads.invokeAll(bodies)) {
        results.add(future.get());
      }
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new IllegalStateException("interrupted while ranks were measured", e);
    } catch (ExecutionException e) {
      throw new IllegalStateException("a rank failed", e.getCause());
    }
    return results;
  }

  @Override
  public void close() {
    ranks.forEach(Collective::close);
    threads.shutdownNow();
  }
}
