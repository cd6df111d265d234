package dev.firesteel.benchmarks;

/** What a child JVM is measured at, a unit at a time. */
interface Work extends AutoCloseable {
  /** Numbers that every contender must compute alike, before anything is measured. */
  double[] check();

  /** One unit: what it tells of itself. */
  double[] run();

  /** Versions and settings, in one line. */
  String description();

  @Override
  void close();
}
