package dev.firesteel.benchmarks;

import java.io.IOException;

/** A contender without work. */
final class FiresteelIdle implements Work {
  private FiresteelIdle() {}

  public static void main(String[] arguments) throws IOException {
    WorkServer.serve(new FiresteelIdle());
  }

  @Override
  public double[] check() {
    return new double[] {1};
  }

  @Override
  public double[] run() {
    return new double[] {2};
  }

  @Override
  public String description() {
    return "idle";
  }

  @Override
  public void close() {
    // Nothing is held.
  }
}
