package dev.firesteel.optim;

import dev.firesteel.array.NdArray;
import dev.firesteel.array.Shape;
import dev.firesteel.backend.Backend;
import dev.firesteel.collective.Collective;
import dev.firesteel.collective.Shard;
import dev.firesteel.collective.Transfer;
import dev.firesteel.nn.ParameterSet;
import java.util.List;

/**
 * Sends whole matrices, one of each rank at a time, to all ranks: in pieces of fixed size, one of
 * which is in transfer while the next is computed.
 */
final class MatrixExchange implements AutoCloseable {
  private final GradientExchange exchange;
  private final Collective collective;
  private final Backend backend;
  private final int piece;
  private final float[][] buffers;
  private final NdArray received;
  private Pending pending;
  private int next;

  /** Where results arrive. */
  @FunctionalInterface
  interface Receiver {
    /**
     * Takes some elements of a rank's matrix.
     *
     * @param rank of the sender
     * @param begin index of the first element in the matrix
     * @param elements valid during the call
     */
    void receive(int rank, int begin, NdArray elements);
  }

  /** What has been sent, and where it arrives. */
  private static final class Pending {
    private final Transfer transfer;
    private final float[] buffer;
    private final int begin;
    private final List<Integer> sizes;
    private final Receiver receiver;

    Pending(Transfer transfer, float[] buffer, int begin, List<Integer> sizes, Receiver receiver) {
      this.transfer = transfer;
      this.buffer = buffer;
      this.begin = begin;
      this.sizes = sizes;
      this.receiver = receiver;
    }
  }

  /**
   * @param largest elements of the largest matrix
   */
  MatrixExchange(ParameterSet parameters, GradientExchange exchange, int largest) {
    this.exchange = exchange;
    collective = exchange.collective();
    backend = parameters.backend();
    int world = collective.worldSize();
    piece = piece(exchange, world, largest);
    buffers = world == 1 ? new float[0][] : new float[2][Math.multiplyExact(world, piece)];
    received =
        world == 1
            ? null
            : new NdArray(
                backend.allocate(parameters.weights().dtype(), piece), 0, Shape.of(piece));
  }

  private static int piece(GradientExchange exchange, int ranks, int largest) {
    long whole = (largest + Shard.ALIGNMENT - 1L) / Shard.ALIGNMENT * Shard.ALIGNMENT;
    int share = exchange.bucketElements() / ranks / Shard.ALIGNMENT * Shard.ALIGNMENT;
    return (int) Math.min(whole, Math.max(Shard.ALIGNMENT, share));
  }

  /** Floats of its arrays. */
  static long floats(GradientExchange exchange, int ranks, int largest) {
    return ranks == 1 ? 0 : (2L * ranks + 1) * piece(exchange, ranks, largest);
  }

  /**
   * Sends this rank's matrix and receives the others'; some of them arrive in the next call or in
   * {@link #finish}. All ranks call it with the same sizes.
   *
   * @param mine this rank's; null if it has none
   * @param sizes elements of each rank's matrix, in order of rank; ranks without one are left out
   */
  void share(NdArray mine, List<Integer> sizes, Receiver receiver) {
    if (collective.worldSize() == 1) {
      receiver.receive(0, 0, flat(mine));
      return;
    }
    int largest = sizes.stream().mapToInt(Integer::intValue).max().orElse(0);
    for (int begin = 0; begin < largest; begin += piece) {
      float[] buffer = buffers[next++ % 2];
      if (mine != null && begin < mine.size()) {
        int end = (int) Math.min(begin + (long) piece, mine.size());
        backend.download(flat(mine).slice(begin, end), buffer, at(collective.rank()));
      }
      Transfer transfer = collective.allGather(buffer, 0, buffer.length);
      finish();
      pending = new Pending(transfer, buffer, begin, sizes, receiver);
    }
  }

  /** The place of a rank's piece in a buffer. */
  private int at(int rank) {
    return collective.shard(buffers[0].length, rank).begin();
  }

  private static NdArray flat(NdArray matrix) {
    return matrix.reshape(Shape.of(Math.toIntExact(matrix.size())));
  }

  /** Waits for what has been sent last. */
  void finish() {
    if (pending == null) {
      return;
    }
    exchange.await(pending.transfer);
    for (int rank = 0; rank < pending.sizes.size(); rank++) {
      int size = Math.min(piece, pending.sizes.get(rank) - pending.begin);
      if (size > 0) {
        NdArray elements = received.slice(0, size);
        backend.upload(pending.buffer, at(rank), elements);
        pending.receiver.receive(rank, pending.begin, elements);
      }
    }
    pending = null;
  }

  @Override
  public void close() {
    if (received != null) {
      backend.free(received.storage());
    }
  }
}
