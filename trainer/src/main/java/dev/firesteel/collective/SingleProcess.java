package dev.firesteel.collective;

/** A world of size 1: sums and gathers return their operand. */
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
  public void enterStep(long step) {
    // There is no other rank whose failure to report.
  }

  @Override
  public Shard shard(int length, int ofRank) {
    return Shard.of(length, ofRank, 1);
  }

  @Override
  public Transfer reduceScatter(float[] values, int offset, int length) {
    return Transfer.DONE;
  }

  @Override
  public Transfer allGather(float[] values, int offset, int length) {
    return Transfer.DONE;
  }

  @Override
  public long transferNanos() {
    return 0;
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
  public void barrier() {
    // There is only this rank.
  }

  @Override
  public void abort(String reason) {
    // There is no other rank to notify.
  }

  @Override
  public void close() {
    // Holds no resources.
  }
}
