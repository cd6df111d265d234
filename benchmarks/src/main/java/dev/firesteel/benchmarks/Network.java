package dev.firesteel.benchmarks;

/**
 * A cluster's network: hosts with one full-duplex port each, in racks whose uplinks may be narrower
 * than the ports of their hosts together. Ranks are numbered host by host and rack by rack.
 *
 * @param latencySeconds one way between two hosts, besides what {@link HostCost} has
 * @param secondsPerByte of a host's port, each way
 * @param ranksPerHost executors that share a host's port
 * @param hostsPerRack hosts that share an uplink
 * @param oversubscription bandwidth of a rack's ports over that of its uplink; 1: no bottleneck
 */
record Network(
    double latencySeconds,
    double secondsPerByte,
    int ranksPerHost,
    int hostsPerRack,
    double oversubscription) {

  /** The usual unit: Gb/s of a port. */
  static Network ofGbits(
      double latencySeconds,
      double gbits,
      int ranksPerHost,
      int hostsPerRack,
      double oversubscription) {
    return new Network(latencySeconds, 8e-9 / gbits, ranksPerHost, hostsPerRack, oversubscription);
  }

  /** Whether ranks that are {@code distance} apart, a power of two, are on different hosts. */
  boolean crossesHosts(int distance) {
    return distance >= ranksPerHost;
  }

  /**
   * Seconds for a byte of each rank while all ranks exchange with those that are {@code distance}
   * apart: ranks of a host share its port, those of a rack its uplink.
   */
  double secondsPerByteOfAll(int distance) {
    if (!crossesHosts(distance)) {
      return 0;
    }
    double port = ranksPerHost * secondsPerByte;
    return distance < ranksPerHost * hostsPerRack ? port : port * oversubscription;
  }

  /** Likewise while each rank sends to the next: one stream leaves a host, and one its rack. */
  double secondsPerByteOfRing(int worldSize) {
    if (worldSize <= ranksPerHost) {
      return 0;
    }
    boolean racks = worldSize > ranksPerHost * hostsPerRack;
    return racks ? secondsPerByte * Math.max(1, oversubscription / hostsPerRack) : secondsPerByte;
  }
}
