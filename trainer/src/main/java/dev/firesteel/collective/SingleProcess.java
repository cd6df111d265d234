package dev.firesteel.collective;

import dev.firesteel.array.NdArray;

/** A world of one: sums and broadcasts are what they are given. */
public final class SingleProcess implements Collective {
  @Override
  public int rank() {
    return 0;
  }

  @Override
  public int worldSize() {
    return 1;
  }

  @Override
  public void allReduce(NdArray values) {
    // The sum over one rank.
  }

  @Override
  public void allReduce(double[] values) {
    // The sum over one rank.
  }

  @Override
  public byte[][] allGather(byte[] mine) {
    return new byte[][] {mine.clone()};
  }

  @Override
  public void broadcast(NdArray values, int root) {
    if (root != 0) {
      throw new IllegalArgumentException("broadcast: root must be a rank below 1, got " + root);
    }
  }

  @Override
  public void barrier() {
    // Everybody is here.
  }

  @Override
  public void abort(String reason) {
    // Nobody else is to be told.
  }

  @Override
  public void close() {
    // Holds nothing.
  }
}
