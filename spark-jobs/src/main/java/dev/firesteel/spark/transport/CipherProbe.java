package dev.firesteel.spark.transport;

import dev.firesteel.error.UserException;
import java.io.IOException;
import java.net.InetAddress;
import java.nio.ByteBuffer;
import java.util.List;
import org.apache.spark.SecurityManager;
import org.apache.spark.SparkConf;
import org.apache.spark.network.TransportContext;
import org.apache.spark.network.client.RpcResponseCallback;
import org.apache.spark.network.client.TransportClient;
import org.apache.spark.network.client.TransportClientFactory;
import org.apache.spark.network.crypto.AuthClientBootstrap;
import org.apache.spark.network.crypto.AuthServerBootstrap;
import org.apache.spark.network.server.OneForOneStreamManager;
import org.apache.spark.network.server.RpcHandler;
import org.apache.spark.network.server.StreamManager;
import org.apache.spark.network.server.TransportServer;
import org.apache.spark.network.util.TransportConf;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Tests Spark's cipher {@code AES/GCM/NoPadding} before ranks rely on it: Spark releases without
 * SPARK-56227 lose every message after the first. A test distinguishes them from fixed releases,
 * whatever the version number.
 */
final class CipherProbe {
  private static final String CIPHER = "spark.network.crypto.cipher";
  private static final int MESSAGES = 3;
  private static final int BYTES = 100_000;
  private static final long TIMEOUT_MILLIS = 10_000;
  private static final Logger LOG = LoggerFactory.getLogger(CipherProbe.class);

  private CipherProbe() {}

  /**
   * Rejects a cipher that does not work.
   *
   * @throws UserException if messages get lost
   */
  static void require(SparkConf conf, SecurityManager security) {
    boolean encrypts = conf.getBoolean("spark.network.crypto.enabled", false);
    if (encrypts && conf.get(CIPHER, "").startsWith("AES/GCM/")) {
      require(() -> echo(conf, security), org.apache.spark.package$.MODULE$.SPARK_VERSION());
    }
  }

  /** Sends messages back and forth over an encrypted connection. */
  @FunctionalInterface
  interface Echo {
    void run() throws IOException, InterruptedException;
  }

  static void require(Echo echo, String sparkVersion) {
    try {
      echo.run();
    } catch (IOException | RuntimeException e) {
      throw UserException.usage(
          "%s=AES/GCM/NoPadding loses messages in Spark %s (SPARK-56227): set it to AES/CTR/NoPadding, encrypt with spark.ssl.rpc.enabled instead, or use a later Spark"
              .formatted(CIPHER, sparkVersion),
          e);
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new IllegalStateException("interrupted while the cipher was tried", e);
    }
  }

  private static void echo(SparkConf sparkConf, SecurityManager security)
      throws IOException, InterruptedException {
    TransportConf conf = SparkTransportListener.transportConf(sparkConf, security);
    String here = InetAddress.getLoopbackAddress().getHostAddress();
    try (TransportContext context = new TransportContext(conf, new Answer());
        TransportServer server =
            context.createServer(here, 0, List.of(new AuthServerBootstrap(conf, security)));
        TransportClientFactory clients =
            context.createClientFactory(
                List.of(new AuthClientBootstrap(conf, sparkConf.getAppId(), security)));
        TransportClient client = clients.createUnmanagedClient(here, server.getPort())) {
      for (int i = 0; i < MESSAGES; i++) {
        client.sendRpcSync(ByteBuffer.allocate(BYTES), TIMEOUT_MILLIS);
      }
      LOG.debug("{} works", sparkConf.get(CIPHER));
    }
  }

  /** Answers each message with an empty one. */
  private static final class Answer extends RpcHandler {
    private final StreamManager noStreams = new OneForOneStreamManager();

    @Override
    public void receive(TransportClient client, ByteBuffer message, RpcResponseCallback callback) {
      callback.onSuccess(ByteBuffer.allocate(0));
    }

    @Override
    public StreamManager getStreamManager() {
      return noStreams;
    }
  }
}
