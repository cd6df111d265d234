package dev.firesteel.collective;

/** An array on its way between ranks. */
@FunctionalInterface
public interface Transfer {
  /** A transfer that has nothing to move. */
  Transfer DONE = () -> {};

  /**
   * Returns when the array may be used again.
   *
   * @throws CollectiveException if the transfer, or one before it, cannot be completed
   */
  void await();
}
