package dev.firesteel.collective;

import java.util.concurrent.TimeUnit;

/**
 * The exchanges of one call at a time: recursive halving and doubling (R. Thakur, R. Rabenseifner,
 * W. Gropp, Optimization of Collective Communication Operations in MPICH, 2005, sections 4.1 and
 * 4.4) for powers of two, with the nearest pair first in the halving; a ring for any other number
 * of ranks. Both send and receive (W - 1) / W of the operand on each rank.
 */
final class Conversation {
  private final Transport transport;
  private final int rank;
  private final int worldSize;
  private final boolean powerOfTwo;
  private final FrameWriter writer = new FrameWriter();
  private final FrameReader reader;

  private Frame.CallId call;
  private long deadline;
  private int exchanges;
  private int receiver;
  private int sender;

  Conversation(Transport transport) {
    this.transport = transport;
    this.rank = transport.rank();
    this.worldSize = transport.worldSize();
    this.powerOfTwo = Integer.bitCount(worldSize) == 1;
    this.reader = new FrameReader(rank);
  }

  /** Starts a call, whose exchanges must all finish within {@code timeoutNanos}. */
  void begin(Frame.CallId call, long timeoutNanos) {
    this.call = call;
    this.deadline = System.nanoTime() + timeoutNanos;
    this.exchanges = 0;
  }

  /** The rank that this one is waiting for, or last waited for. */
  int awaited() {
    return reader.expectedBytes() > 0 ? sender : receiver;
  }

  /** Sums shards; {@code wire} adds received values. */
  void reduceScatter(Wire wire, int length) throws TransportException {
    if (powerOfTwo) {
      for (int level = 0; 1 << level < worldSize; level++) {
        int partner = rank ^ 1 << level;
        Shard kept = Shard.halved(length, rank, level + 1);
        Shard given = Shard.halved(length, partner, level + 1);
        swap(wire, partner, given, kept);
      }
      return;
    }
    for (int hop = 1; hop < worldSize; hop++) {
      Shard sent = Shard.of(length, wrap(rank - hop), worldSize);
      Shard received = Shard.of(length, wrap(rank - hop - 1), worldSize);
      pass(wire, sent.begin(), sent.end(), received.begin(), received.end());
    }
  }

  /** Gathers shards: the exchanges of {@link #reduceScatter} in reverse. */
  void allGather(Wire wire, int length) throws TransportException {
    if (powerOfTwo) {
      for (int level = Integer.numberOfTrailingZeros(worldSize) - 1; level >= 0; level--) {
        int partner = rank ^ 1 << level;
        Shard held = Shard.halved(length, rank, level + 1);
        Shard missing = Shard.halved(length, partner, level + 1);
        swap(wire, partner, held, missing);
      }
      return;
    }
    for (int hop = 0; hop < worldSize - 1; hop++) {
      Shard sent = Shard.of(length, wrap(rank - hop), worldSize);
      Shard received = Shard.of(length, wrap(rank - hop - 1), worldSize);
      pass(wire, sent.begin(), sent.end(), received.begin(), received.end());
    }
  }

  /** Gathers blocks: rank r's is elements {@code [edges[r], edges[r + 1])}. */
  void allGatherBlocks(Wire wire, int[] edges) throws TransportException {
    if (powerOfTwo) {
      for (int held = 1; held < worldSize; held <<= 1) {
        int first = rank & -held;
        int missing = first ^ held;
        exchange(
            wire,
            rank ^ held,
            edges[first],
            edges[first + held],
            rank ^ held,
            edges[missing],
            edges[missing + held]);
      }
      return;
    }
    for (int hop = 0; hop < worldSize - 1; hop++) {
      int sent = wrap(rank - hop);
      int received = wrap(rank - hop - 1);
      pass(wire, edges[sent], edges[sent + 1], edges[received], edges[received + 1]);
    }
  }

  private int wrap(int position) {
    return Math.floorMod(position, worldSize);
  }

  private void swap(Wire wire, int partner, Shard sent, Shard received) throws TransportException {
    exchange(wire, partner, sent.begin(), sent.end(), partner, received.begin(), received.end());
  }

  /** Along the ring: to the next rank, from the previous one. */
  private void pass(Wire wire, int begin, int end, int receivedBegin, int receivedEnd)
      throws TransportException {
    exchange(wire, wrap(rank + 1), begin, end, wrap(rank - 1), receivedBegin, receivedEnd);
  }

  private void exchange(
      Wire wire, int to, int begin, int end, int from, int receivedBegin, int receivedEnd)
      throws TransportException {
    receiver = to;
    sender = from;
    writer.of(call, exchanges, wire, begin, end);
    reader.of(call, exchanges, wire, from, receivedBegin, receivedEnd);
    // A call that is already late still checks once whether everything has arrived.
    long left = Math.max(TimeUnit.MILLISECONDS.toNanos(1), deadline - System.nanoTime());
    transport.exchange(to, writer, from, reader, left);
    exchanges++;
  }
}
