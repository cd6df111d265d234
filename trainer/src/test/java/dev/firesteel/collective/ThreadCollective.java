package dev.firesteel.collective;

import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.BrokenBarrierException;
import java.util.concurrent.CyclicBarrier;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.concurrent.atomic.AtomicReference;

/** Ranks that are threads of one process: the contract of {@link Collective}, for tests. */
public final class ThreadCollective implements Collective {
  private static final long DEADLINE_SECONDS = 60;

  private final int rank;
  private final byte[][] board;
  private final CyclicBarrier barrier;
  private final AtomicReference<String> aborted;

  private ThreadCollective(
      int rank, byte[][] board, CyclicBarrier barrier, AtomicReference<String> aborted) {
    this.rank = rank;
    this.board = board;
    this.barrier = barrier;
    this.aborted = aborted;
  }

  /** One collective for each rank. */
  public static List<ThreadCollective> world(int size) {
    byte[][] board = new byte[size][];
    CyclicBarrier barrier = new CyclicBarrier(size);
    AtomicReference<String> aborted = new AtomicReference<>();
    List<ThreadCollective> world = new ArrayList<>();
    for (int rank = 0; rank < size; rank++) {
      world.add(new ThreadCollective(rank, board, barrier, aborted));
    }
    return world;
  }

  @Override
  public int rank() {
    return rank;
  }

  @Override
  public int worldSize() {
    return board.length;
  }

  @Override
  public void enterStep(long step) {
    // Failures name the rank alone.
  }

  @Override
  public Shard shard(int length, int ofRank) {
    return Shard.of(length, ofRank, worldSize());
  }

  @Override
  public Transfer reduceScatter(float[] values, int offset, int length) {
    float[][] all = gather(values, offset, length);
    Shard mine = shard(length, rank);
    float[] column = new float[all.length];
    for (int i = 0; i < length; i++) {
      boolean zero = true;
      for (int r = 0; r < all.length; r++) {
        column[r] = all[r][i];
        zero &= column[r] == 0;
      }
      boolean owned = i >= mine.begin() && i < mine.end();
      values[offset + i] = owned || zero ? sum(column, 0, column.length) : Float.NaN;
    }
    return Transfer.DONE;
  }

  @Override
  public Transfer allGather(float[] values, int offset, int length) {
    float[][] all = gather(values, offset, length);
    for (int r = 0; r < all.length; r++) {
      Shard shard = shard(length, r);
      System.arraycopy(all[r], shard.begin(), values, offset + shard.begin(), shard.length());
    }
    return Transfer.DONE;
  }

  private float[][] gather(float[] values, int offset, int length) {
    ByteBuffer bytes = ByteBuffer.allocate(length * Float.BYTES);
    bytes.asFloatBuffer().put(values, offset, length);
    byte[][] gathered = allGather(bytes.array());
    float[][] all = new float[worldSize()][length];
    for (int r = 0; r < all.length; r++) {
      ByteBuffer.wrap(gathered[r]).asFloatBuffer().get(all[r]);
    }
    return all;
  }

  @Override
  public long transferNanos() {
    return 0;
  }

  @Override
  public void allReduce(double[] values) {
    ByteBuffer bytes = ByteBuffer.allocate(values.length * Double.BYTES);
    bytes.asDoubleBuffer().put(values);
    byte[][] gathered = allGather(bytes.array());
    double[] column = new double[worldSize()];
    for (int i = 0; i < values.length; i++) {
      for (int r = 0; r < column.length; r++) {
        column[r] = ByteBuffer.wrap(gathered[r]).getDouble(i * Double.BYTES);
      }
      values[i] = sum(column, 0, column.length);
    }
  }

  private static float sum(float[] values, int begin, int end) {
    if (end - begin == 1) {
      return values[begin];
    }
    int middle = begin + Integer.highestOneBit(end - begin - 1);
    return sum(values, begin, middle) + sum(values, middle, end);
  }

  private static double sum(double[] values, int begin, int end) {
    if (end - begin == 1) {
      return values[begin];
    }
    int middle = begin + Integer.highestOneBit(end - begin - 1);
    return sum(values, begin, middle) + sum(values, middle, end);
  }

  @Override
  public byte[][] allGather(byte[] mine) {
    board[rank] = mine.clone();
    await();
    byte[][] all = board.clone();
    await();
    return all;
  }

  @Override
  public void barrier() {
    await();
  }

  private void await() {
    try {
      if (aborted.get() != null) {
        throw new BrokenBarrierException();
      }
      barrier.await(DEADLINE_SECONDS, TimeUnit.SECONDS);
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new CollectiveException("rank " + rank + " was interrupted", e);
    } catch (BrokenBarrierException | TimeoutException e) {
      throw new CollectiveException("another rank was lost: " + aborted.get(), e);
    }
  }

  @Override
  public void abort(String reason) {
    aborted.compareAndSet(null, reason);
    barrier.reset();
  }

  @Override
  public void close() {
    // Holds nothing.
  }
}
