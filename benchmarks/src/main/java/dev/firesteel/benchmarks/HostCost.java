package dev.firesteel.benchmarks;

/**
 * What the exchanges of a collective cost a rank's own processor, whatever the network: copies
 * between heap and sockets, checksums, additions, system calls and the changes between threads. All
 * of it runs on one thread of the rank.
 *
 * @param callSeconds of a call that the trainer waits for, besides its exchanges
 * @param exchangeSeconds of an exchange without content: the alpha of two processes of one host
 * @param secondsPerByte sent and, at the same time, received
 * @param secondsPerByteAdded to what comes, besides {@code secondsPerByte}: the gamma
 */
record HostCost(
    double callSeconds, double exchangeSeconds, double secondsPerByte, double secondsPerByteAdded) {

  /** The bandwidth of a network, in Gb/s, above which this host is the limit. */
  double gbits() {
    return 8e-9 / secondsPerByte;
  }

  /**
   * Where the work on bytes takes {@code factor} times as long: ranks share processors, or threads
   * the work.
   */
  HostCost shared(double factor) {
    return new HostCost(
        callSeconds, exchangeSeconds, secondsPerByte * factor, secondsPerByteAdded * factor);
  }
}
