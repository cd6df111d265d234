package dev.firesteel.collective;

import java.io.IOException;
import java.net.InetSocketAddress;
import java.time.Duration;
import java.util.List;

/**
 * An open port of a process that does not know its rank yet: ranks are assigned once all addresses
 * are known. The port stays open from here to {@link #join}, so no other process can take it in
 * between.
 */
public interface TransportListener extends AutoCloseable {
  /** Where the other ranks find this process. */
  InetSocketAddress address();

  /**
   * Connects to all other ranks; this listener cannot be used afterwards.
   *
   * @param addresses where each rank listens, in order of rank
   * @param deadline timeout for all connections together
   * @throws CollectiveException if a rank cannot be reached, does not connect, or rejects this
   *     process
   */
  Transport join(Membership me, List<InetSocketAddress> addresses, Duration deadline);

  @Override
  void close() throws IOException;
}
