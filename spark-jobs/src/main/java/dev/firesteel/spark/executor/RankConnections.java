package dev.firesteel.spark.executor;

import dev.firesteel.collective.Collective;
import dev.firesteel.collective.Membership;
import dev.firesteel.collective.PeerCollective;
import dev.firesteel.collective.SingleProcess;
import dev.firesteel.collective.TransportListener;
import dev.firesteel.config.ConfigLoader;
import dev.firesteel.config.StageConfig;
import dev.firesteel.run.RunSession;
import dev.firesteel.spark.rpc.Heartbeat;
import dev.firesteel.spark.rpc.TrainAssignment;
import dev.firesteel.spark.rpc.TrainingPlugin;
import dev.firesteel.spark.transport.CollectiveTransports;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.nio.ByteOrder;
import java.time.Duration;
import java.util.List;
import org.apache.spark.BarrierTaskContext;
import org.apache.spark.SparkEnv;

/** Connects this thread's task with the others of its attempt. */
final class RankConnections {
  /** The other tasks are already running: they met at the rendezvous. */
  private static final Duration CONNECT_LIMIT = Duration.ofSeconds(30);

  private RankConnections() {}

  /** The collective of all tasks; sets the rank of {@code standing}. */
  static Collective open(TrainAssignment assignment, RankStanding standing) {
    if (assignment.worldSize() == 1) {
      standing.becomes(0);
      return new SingleProcess();
    }
    StageConfig config = assignment.config();
    Heartbeat here = standing.now();
    SparkEnv spark = SparkEnv.get();
    try (TransportListener listener =
        CollectiveTransports.listen(
            spark.conf(), spark.securityManager(), InetAddress.getByName(here.host()))) {
      BarrierTaskContext barrier = BarrierTaskContext.get();
      Rendezvous.Member mine =
          new Rendezvous.Member(
              here.executor(),
              barrier.partitionId(),
              here.host(),
              listener.address().getPort(),
              ConfigLoader.contentHash(config),
              RunSession.jarSha256(),
              ByteOrder.nativeOrder().toString(),
              clockSkewMillis());
      List<Rendezvous.Member> members = Rendezvous.meet(barrier, mine);
      int rank = members.indexOf(mine);
      standing.becomes(rank);
      Membership me =
          new Membership(assignment.attempt(), rank, assignment.worldSize(), assignment.secret());
      List<InetSocketAddress> addresses =
          members.stream()
              .map(member -> new InetSocketAddress(member.host(), member.port()))
              .toList();
      return new PeerCollective(
          listener.join(me, addresses, CONNECT_LIMIT),
          Duration.ofSeconds(config.cluster().timeoutSeconds()),
          config.cluster().wire());
    } catch (IOException e) {
      throw new UncheckedIOException(
          "the training task cannot open a port on " + here.host() + ": " + e.getMessage(), e);
    }
  }

  /** The offset of this clock from the driver's, up to the message latency. */
  private static long clockSkewMillis() {
    long before = System.currentTimeMillis();
    long driver = TrainingPlugin.driverMillis();
    long after = System.currentTimeMillis();
    return (before + after) / 2 - driver;
  }
}
