package dev.firesteel.collective;

/** An array in transit between ranks. */
@FunctionalInterface
public interface Transfer {
  /** A transfer with nothing to do. */
  Transfer DONE = () -> {};

  /**
   * Blocks until the array may be used again.
   *
   * @throws CollectiveException if the transfer, or one before it, cannot be completed
   */
  void await();
}
