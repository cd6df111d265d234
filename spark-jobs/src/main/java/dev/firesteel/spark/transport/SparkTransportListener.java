package dev.firesteel.spark.transport;

import dev.firesteel.collective.CollectiveException;
import dev.firesteel.collective.CollectiveFailure;
import dev.firesteel.collective.CollectiveFailure.Kind;
import dev.firesteel.collective.Handshake;
import dev.firesteel.collective.Membership;
import dev.firesteel.collective.TransportListener;
import java.io.IOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.nio.ByteBuffer;
import java.time.Duration;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import org.apache.spark.SecurityManager;
import org.apache.spark.SparkConf;
import org.apache.spark.network.TransportContext;
import org.apache.spark.network.client.TransportClient;
import org.apache.spark.network.client.TransportClientBootstrap;
import org.apache.spark.network.client.TransportClientFactory;
import org.apache.spark.network.crypto.AuthClientBootstrap;
import org.apache.spark.network.crypto.AuthServerBootstrap;
import org.apache.spark.network.netty.SparkTransportConf;
import org.apache.spark.network.server.TransportServer;
import org.apache.spark.network.server.TransportServerBootstrap;
import org.apache.spark.network.util.TransportConf;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import scala.Option;

/**
 * Listens for the connections of a {@link SparkTransport}: a server of Spark's network library with
 * the configuration, keys, authentication and ciphers of Spark's own block transfer ({@code
 * NettyBlockTransferService.init}), except that settings that would allow an unencrypted connection
 * are off.
 */
final class SparkTransportListener implements TransportListener {
  private static final Logger LOG = LoggerFactory.getLogger(SparkTransportListener.class);

  /** The prefix of settings for this transport only. */
  private static final String MODULE = "firesteel";

  private static final int THREADS = 2;
  private static final long RETRY_MILLIS = 200;

  /**
   * A rank may compute for any length of time between two messages: calls have deadlines. Spark
   * stores this as milliseconds in an int.
   */
  private static final String NEVER = "20d";

  private final TransportConf conf;
  private final List<TransportClientBootstrap> clientBootstraps;
  private final CompletableFuture<SparkTransport> transport = new CompletableFuture<>();
  private final SparkTransportHandler handler = new SparkTransportHandler(transport);
  private final TransportContext context;
  private final TransportServer server;
  private final InetSocketAddress address;
  private volatile boolean usedUp;

  private SparkTransportListener(SparkConf sparkConf, SecurityManager security, InetAddress bind) {
    this.conf = transportConf(sparkConf, security);
    boolean authenticates = security.isAuthenticationEnabled();
    this.clientBootstraps =
        authenticates
            ? List.of(new AuthClientBootstrap(conf, sparkConf.getAppId(), security))
            : List.of();
    List<TransportServerBootstrap> serverBootstraps =
        authenticates ? List.of(new AuthServerBootstrap(conf, security)) : List.of();
    this.context = new TransportContext(conf, handler);
    this.server = context.createServer(bind.getHostAddress(), 0, serverBootstraps);
    this.address = new InetSocketAddress(bind, server.getPort());
  }

  /** Opens a free port. */
  static SparkTransportListener open(SparkConf conf, SecurityManager security, InetAddress bind) {
    CipherProbe.require(conf, security);
    return new SparkTransportListener(conf, security, bind);
  }

  /** As for Spark's block transfer, without what would allow an unencrypted connection. */
  static TransportConf transportConf(SparkConf sparkConf, SecurityManager security) {
    SparkConf own =
        sparkConf
            .clone()
            .set("spark.network.crypto.saslFallback", "false")
            .set("spark." + MODULE + ".io.connectionTimeout", NEVER)
            .set("spark." + MODULE + ".io.connectionCreationTimeout", NEVER);
    if (own.getBoolean("spark.authenticate.enableSaslEncryption", false)) {
      own.set("spark.network.sasl.serverAlwaysEncrypt", "true");
    }
    return SparkTransportConf.fromSparkConf(
        own, MODULE, THREADS, Option.empty(), Option.apply(security.getRpcSSLOptions()));
  }

  @Override
  public InetSocketAddress address() {
    return address;
  }

  @Override
  public SparkTransport join(Membership me, List<InetSocketAddress> addresses, Duration limit) {
    long deadline = System.nanoTime() + limit.toNanos();
    TransportClientFactory clients = context.createClientFactory(clientBootstraps);
    SparkTransport joined =
        new SparkTransport(
            me,
            () -> {
              clients.close();
              end();
            });
    usedUp = true;
    transport.complete(joined);
    // Spark's client waits for TLS as long as for an answer, so it is interrupted at the deadline.
    ExecutorService connecting = Executors.newSingleThreadExecutor(SparkTransportListener::thread);
    boolean complete = false;
    try {
      for (int peer = 0; peer < me.worldSize(); peer++) {
        for (int channel = 0; peer != me.rank() && channel < SparkTransport.CHANNELS; channel++) {
          Target target = new Target(me, peer, channel, addresses.get(peer), limit, deadline);
          joined.connected(peer, channel, inTime(connecting, clients, target));
        }
      }
      int missing = joined.awaitConnected(deadline - System.nanoTime());
      if (missing >= 0) {
        throw unreachable(
            me, missing, "%s did not connect".formatted(addresses.get(missing)), limit, null);
      }
      complete = true;
      return joined;
    } finally {
      connecting.shutdownNow();
      if (!complete) {
        joined.close();
      }
    }
  }

  private static Thread thread(Runnable task) {
    Thread thread = new Thread(task, "firesteel-connecting");
    thread.setDaemon(true);
    return thread;
  }

  private static TransportClient inTime(
      ExecutorService connecting, TransportClientFactory clients, Target target) {
    Future<TransportClient> client = connecting.submit(() -> connect(clients, target));
    try {
      // The task itself ends in time, with a better reason, unless Spark's client waits.
      return client.get(target.millisLeft() + RETRY_MILLIS, TimeUnit.MILLISECONDS);
    } catch (ExecutionException e) {
      throw e.getCause() instanceof CollectiveException failure
          ? failure
          : new CollectiveException("connecting to rank %d failed".formatted(target.peer()), e);
    } catch (TimeoutException e) {
      String how = "%s does not finish connecting".formatted(target.address());
      throw unreachable(target.me(), target.peer(), how, target.limit(), e);
    } catch (InterruptedException e) {
      throw interrupted(e);
    }
  }

  /** Where to connect to, and until when. */
  private record Target(
      Membership me,
      int peer,
      int channel,
      InetSocketAddress address,
      Duration limit,
      long deadline) {
    long millisLeft() {
      return Math.max(1, TimeUnit.NANOSECONDS.toMillis(deadline - System.nanoTime()));
    }
  }

  private static TransportClient connect(TransportClientFactory clients, Target target) {
    while (true) {
      try {
        return tryToConnect(clients, target);
      } catch (CollectiveException e) {
        throw e;
      } catch (IOException | RuntimeException e) {
        // Spark's client throws RuntimeExceptions for authentication failures.
        if (target.millisLeft() <= RETRY_MILLIS) {
          throw unreachable(
              target.me(),
              target.peer(),
              "%s does not let it connect, %s".formatted(target.address(), e),
              target.limit(),
              e);
        }
        LOG.debug("rank {} is not reached yet", target.peer(), e);
        pause();
      }
    }
  }

  private static TransportClient tryToConnect(TransportClientFactory clients, Target target)
      throws IOException {
    TransportClient client;
    try {
      client =
          clients.createUnmanagedClient(
              target.address().getAddress().getHostAddress(), target.address().getPort());
    } catch (InterruptedException e) {
      throw interrupted(e);
    }
    try {
      Handshake handshake = Handshake.connecting(target.me(), target.peer(), target.channel());
      byte[] challenge = ask(client, SparkTransportHandler.HELLO, handshake.hello(), target);
      byte[] verdict = ask(client, SparkTransportHandler.PROOF, handshake.proof(challenge), target);
      handshake.conclude(verdict);
      return client;
    } catch (RuntimeException e) {
      client.close();
      throw e;
    }
  }

  private static byte[] ask(TransportClient client, byte type, byte[] message, Target target) {
    ByteBuffer request = ByteBuffer.allocate(1 + message.length).put(type).put(message).flip();
    ByteBuffer answer = client.sendRpcSync(request, target.millisLeft());
    byte[] bytes = new byte[answer.remaining()];
    answer.get(bytes);
    return bytes;
  }

  private static CollectiveException unreachable(
      Membership me, int peer, String how, Duration limit, Throwable cause) {
    String reason = "%s within %s s".formatted(how, limit.toMillis() / 1000.0);
    return new CollectiveException(
        new CollectiveFailure(Kind.UNREACHABLE, peer, me.rank(), "", -1, reason), cause);
  }

  private static void pause() {
    try {
      Thread.sleep(RETRY_MILLIS);
    } catch (InterruptedException e) {
      throw interrupted(e);
    }
  }

  private static CollectiveException interrupted(InterruptedException e) {
    Thread.currentThread().interrupt();
    return new CollectiveException("interrupted while ranks connected", e);
  }

  /**
   * Closes the port, unless a transport has taken it over, along with connections from other ranks.
   */
  @Override
  public void close() {
    if (!usedUp) {
      end();
    }
  }

  private void end() {
    server.close();
    context.close();
  }
}
