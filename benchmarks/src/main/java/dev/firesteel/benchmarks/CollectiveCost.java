package dev.firesteel.benchmarks;

import dev.firesteel.collective.Shard;

/**
 * How long the calls of a collective take, by the alpha-beta-gamma model (R. Thakur, R.
 * Rabenseifner, W. Gropp, Optimization of Collective Communication Operations in MPICH, 2005,
 * section 3): an exchange of n bytes each way takes
 *
 * <pre>{@code alpha + n max(beta of the wire, beta of the host) [+ n gamma, where they are added]}
 * </pre>
 *
 * and a call the sum of its exchanges, one after the other. Arrays are cut at multiples of {@link
 * Shard#ALIGNMENT} elements, as the collective does, so that shards of very many ranks are not
 * equal; the largest counts.
 */
final class CollectiveCost {
  private static final int BLOCK_BYTES = Shard.ALIGNMENT * Float.BYTES;

  private final Algorithm algorithm;
  private final HostCost host;
  private final Network network;
  private final double memorySecondsPerByte;
  private final int worldSize;

  /** The ways to sum and gather. */
  enum Algorithm {
    /**
     * Recursive halving and doubling, nearest pair first: what Firesteel does for powers of two.
     */
    HALVING,
    /** Shards go around from each rank to the next: what Firesteel does for other numbers. */
    RING,
    /**
     * The ranks of a host sum through its memory, which each holds a share of after that; shares
     * are halved across hosts. Firesteel does not do it.
     */
    HIERARCHICAL
  }

  /**
   * @param memorySecondsPerByte of a host's memory, for all its ranks together
   */
  CollectiveCost(
      Algorithm algorithm,
      HostCost host,
      Network network,
      double memorySecondsPerByte,
      int worldSize) {
    if (algorithm != Algorithm.RING && Integer.bitCount(worldSize) != 1) {
      throw new IllegalArgumentException(
          "halving needs a power of two ranks, got %d".formatted(worldSize));
    }
    if (Integer.bitCount(network.ranksPerHost()) != 1) {
      throw new IllegalArgumentException(
          "ranks of a host must be a power of two, got %d".formatted(network.ranksPerHost()));
    }
    this.algorithm = algorithm;
    this.host = host;
    this.network = network;
    this.memorySecondsPerByte = memorySecondsPerByte;
    this.worldSize = worldSize;
  }

  /** Seconds until each rank has the sum of its shard of an array. */
  double reduceScatter(long bytes) {
    // Through memory that processes share: k ranks copy to it, each adds k parts of its share.
    int local = localRanks();
    return seconds(bytes, host.secondsPerByteAdded(), 3.0 * local + 1);
  }

  /** Seconds until each rank has all shards. */
  double allGather(long bytes) {
    // Each rank copies its share to the memory that processes share, and all others from there.
    return seconds(bytes, 0, 2.0 * localRanks() + 2);
  }

  /** Both: what an all-reduce takes. */
  double allReduce(long bytes) {
    return reduceScatter(bytes) + allGather(bytes);
  }

  /** Seconds of an all-reduce of a few bytes, which gathers them in log2 W or W - 1 exchanges. */
  double small() {
    double seconds = host.callSeconds();
    if (algorithm == Algorithm.RING) {
      return seconds + (worldSize - 1) * ringExchange(0, 0);
    }
    for (int distance = 1; distance < worldSize; distance *= 2) {
      seconds += exchange(0, distance, 0);
    }
    return seconds;
  }

  private int localRanks() {
    return Math.min(worldSize, network.ranksPerHost());
  }

  private double seconds(long bytes, double gamma, double memoryPasses) {
    return switch (algorithm) {
      case HALVING -> halving(bytes, 1, gamma);
      case RING -> (worldSize - 1) * ringExchange(share(bytes, worldSize), gamma);
      case HIERARCHICAL -> {
        int local = localRanks();
        double within =
            local == 1 ? 0 : host.exchangeSeconds() + memoryPasses * bytes * memorySecondsPerByte;
        yield within + halving(share(bytes, local), local, gamma);
      }
    };
  }

  /** Exchanges with ranks that are {@code first}, twice that, four times that ... apart. */
  private double halving(long bytes, int first, double gamma) {
    double seconds = 0;
    long left = bytes;
    for (int distance = first; distance < worldSize; distance *= 2) {
      left = share(left, 2);
      seconds += exchange(left, distance, gamma);
    }
    return seconds;
  }

  /** The largest of {@code parts} shards. */
  private static long share(long bytes, int parts) {
    long blocks = (bytes + BLOCK_BYTES - 1) / BLOCK_BYTES;
    return Math.min(bytes, (blocks + parts - 1) / parts * BLOCK_BYTES);
  }

  private double exchange(long bytes, int distance, double gamma) {
    double alpha = host.exchangeSeconds();
    if (network.crossesHosts(distance)) {
      alpha += network.latencySeconds();
    }
    return cost(alpha, bytes, network.secondsPerByteOfAll(distance), gamma);
  }

  private double ringExchange(long bytes, double gamma) {
    double alpha = host.exchangeSeconds();
    if (worldSize > network.ranksPerHost()) {
      alpha += network.latencySeconds();
    }
    return cost(alpha, bytes, network.secondsPerByteOfRing(worldSize), gamma);
  }

  private double cost(double alpha, long bytes, double wire, double gamma) {
    return alpha + bytes * (Math.max(wire, host.secondsPerByte()) + gamma);
  }
}
