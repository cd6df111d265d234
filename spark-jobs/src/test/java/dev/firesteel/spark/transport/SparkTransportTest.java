package dev.firesteel.spark.transport;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.firesteel.collective.CollectiveException;
import dev.firesteel.collective.CollectiveFailure.Kind;
import dev.firesteel.collective.Membership;
import dev.firesteel.collective.NioListener;
import dev.firesteel.collective.PeerCollective;
import dev.firesteel.collective.Shard;
import dev.firesteel.collective.TransportListener;
import dev.firesteel.error.UserException;
import java.io.IOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.concurrent.Callable;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import org.apache.spark.SecurityManager;
import org.apache.spark.SparkConf;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import scala.Option;

class SparkTransportTest {
  private static final int LENGTH = 3 * 262_144 + 5;
  private static final long ATTEMPT = 3;
  private static final Duration LONG = Duration.ofMinutes(10);
  private static final Duration CONNECTING = Duration.ofSeconds(60);
  private static final long PATIENCE_SECONDS = 120;

  /** Weights that a tap would see in the clear. */
  private static final float TELLTALE = Float.intBitsToFloat(0x41424344);

  private final ExecutorService threads = Executors.newCachedThreadPool();

  @TempDir Path folder;

  @AfterEach
  void endThreads() {
    threads.shutdownNow();
  }

  /** How a cluster may be secured. */
  enum Security {
    AUTHENTICATION(false),
    SASL_ENCRYPTION(true),
    AES_CTR(true),
    AES_GCM(true),
    SSL(true);

    private final boolean encrypts;

    Security(boolean encrypts) {
      this.encrypts = encrypts;
    }
  }

  private SparkConf conf(Security security) throws Exception {
    SparkConf conf = new SparkConf(false).set("spark.app.id", "app-1");
    Map<String, String> authentication =
        Map.of("spark.authenticate", "true", "spark.authenticate.secret", "a secret of the test");
    switch (security) {
      case AUTHENTICATION -> set(conf, authentication);
      case SASL_ENCRYPTION ->
          set(conf, authentication).set("spark.authenticate.enableSaslEncryption", "true");
      case AES_CTR -> set(conf, authentication).set("spark.network.crypto.enabled", "true");
      case AES_GCM ->
          set(conf, authentication)
              .set("spark.network.crypto.enabled", "true")
              .set("spark.network.crypto.cipher", "AES/GCM/NoPadding");
      case SSL -> {
        Path keys = keyStore();
        conf.set("spark.ssl.rpc.enabled", "true")
            .set("spark.ssl.rpc.protocol", "TLSv1.3")
            .set("spark.ssl.rpc.keyStore", keys.toString())
            .set("spark.ssl.rpc.keyStorePassword", "password")
            .set("spark.ssl.rpc.keyPassword", "password")
            .set("spark.ssl.rpc.trustStore", keys.toString())
            .set("spark.ssl.rpc.trustStorePassword", "password");
      }
    }
    return conf;
  }

  private static SparkConf set(SparkConf conf, Map<String, String> settings) {
    settings.forEach(conf::set);
    return conf;
  }

  private Path keyStore() throws Exception {
    Path keys = folder.resolve("keys.jks");
    Process keytool =
        new ProcessBuilder(
                Path.of(System.getProperty("java.home"), "bin", "keytool").toString(),
                "-genkeypair",
                "-alias",
                "test",
                "-keyalg",
                "RSA",
                "-dname",
                "CN=localhost",
                "-storetype",
                "JKS",
                "-keystore",
                keys.toString(),
                "-storepass",
                "password",
                "-keypass",
                "password")
            .redirectErrorStream(true)
            .start();
    String said = new String(keytool.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
    assertThat(keytool.waitFor()).as(said).isZero();
    return keys;
  }

  private static SecurityManager manager(SparkConf conf) {
    return new SecurityManager(conf, Option.empty(), SecurityManager.$lessinit$greater$default$3());
  }

  private static TransportListener listen(SparkConf conf) throws IOException {
    return CollectiveTransports.listen(conf, manager(conf), InetAddress.getLoopbackAddress());
  }

  @ParameterizedTest
  @EnumSource(Security.class)
  void sumsAndIsSeenInTheClearOnlyIfSparkIs(Security security) throws Exception {
    SparkConf conf = conf(security);
    try (TransportListener listener0 = listen(conf);
        TransportListener listener1 = listen(conf);
        WireTap tap0 = new WireTap(listener0.address());
        WireTap tap1 = new WireTap(listener1.address())) {
      assertThat(listener0).isInstanceOf(SparkTransportListener.class);
      List<InetSocketAddress> addresses = List.of(tap0.address(), tap1.address());
      List<float[]> sums =
          run(
              () -> sum(listener0, member(0, 2), addresses),
              () -> sum(listener1, member(1, 2), addresses));

      float[] expected = new float[LENGTH];
      Arrays.fill(expected, TELLTALE + TELLTALE);
      assertThat(sums).allSatisfy(sum -> assertThat(Arrays.mismatch(sum, expected)).isEqualTo(-1));
      assertThat(tap0.bytes()).isGreaterThan((long) LENGTH * Float.BYTES / 2);
      assertThat(tap0.saw(TELLTALE) || tap1.saw(TELLTALE)).isEqualTo(!security.encrypts);
    }
  }

  @Test
  void severalRanksSumAlongTheRing() throws Exception {
    SparkConf conf = conf(Security.AES_CTR);
    List<InetSocketAddress> addresses = new ArrayList<>();
    List<Callable<float[]>> ranks = new ArrayList<>();
    for (int rank = 0; rank < 3; rank++) {
      TransportListener listener = listen(conf);
      addresses.add(listener.address());
      Membership me = member(rank, 3);
      ranks.add(() -> sum(listener, me, addresses));
    }

    List<float[]> sums = run(ranks.get(0), ranks.get(1), ranks.get(2));

    assertThat(sums)
        .allSatisfy(sum -> assertThat(sum[LENGTH - 1]).isEqualTo(TELLTALE + TELLTALE + TELLTALE));
  }

  @Test
  void aListenerThatWasUsedUpMayBeClosed() throws Exception {
    SparkConf conf = conf(Security.AES_CTR);
    TransportListener listener0 = listen(conf);
    TransportListener listener1 = listen(conf);
    List<InetSocketAddress> addresses = List.of(listener0.address(), listener1.address());
    Future<PeerCollective> joining =
        threads.submit(() -> joinAndClose(listener1, member(1, 2), addresses));
    try (PeerCollective rank0 = joinAndClose(listener0, member(0, 2), addresses);
        PeerCollective rank1 = joining.get(PATIENCE_SECONDS, TimeUnit.SECONDS)) {
      float[] values = {TELLTALE};
      var transfer = rank0.reduceScatter(values, 0, 1);
      rank1.reduceScatter(new float[] {TELLTALE}, 0, 1).await();
      transfer.await();
      assertThat(values[0]).isEqualTo(TELLTALE + TELLTALE);
    }
  }

  /** As a training task does it. */
  private static PeerCollective joinAndClose(
      TransportListener listener, Membership me, List<InetSocketAddress> addresses)
      throws IOException {
    try (listener) {
      return new PeerCollective(listener.join(me, addresses, CONNECTING), LONG);
    }
  }

  @Test
  void anAbortReachesARankThatWaits() throws Exception {
    assertThat(
            fail(
                collective -> collective.abort("no memory left"),
                LONG,
                "rank 1 gave up: no memory left"))
        .isEqualTo(Kind.ABORTED);
  }

  @Test
  void aRankThatLeavesIsNamed() throws Exception {
    assertThat(
            fail(
                PeerCollective::close,
                LONG,
                "rank 1 had closed its collective in reduce-scatter of %d (call 0) at step 0 (seen by rank 0)"
                    .formatted(LENGTH)))
        .isEqualTo(Kind.DEPARTED);
  }

  @Test
  void aRankThatDoesNotAnswerIsNamed() throws Exception {
    assertThat(
            fail(
                collective -> {},
                Duration.ofMillis(500),
                "rank 1 did not answer in reduce-scatter of %d (call 0) at step 0: within 0.5 s (seen by rank 0)"
                    .formatted(LENGTH)))
        .isEqualTo(Kind.SILENT);
  }

  /** What rank 1 does instead of a call. */
  @FunctionalInterface
  private interface Fault {
    void apply(PeerCollective collective);
  }

  private Kind fail(Fault fault, Duration deadline, String message) throws Exception {
    SparkConf conf = conf(Security.AES_CTR);
    TransportListener listener0 = listen(conf);
    TransportListener listener1 = listen(conf);
    List<InetSocketAddress> addresses = List.of(listener0.address(), listener1.address());
    Future<PeerCollective> joining =
        threads.submit(
            () -> new PeerCollective(listener1.join(member(1, 2), addresses, CONNECTING), LONG));
    try (PeerCollective rank0 =
            new PeerCollective(listener0.join(member(0, 2), addresses, CONNECTING), deadline);
        PeerCollective rank1 = joining.get(PATIENCE_SECONDS, TimeUnit.SECONDS)) {
      var transfer = rank0.reduceScatter(new float[LENGTH], 0, LENGTH);
      fault.apply(rank1);
      CollectiveException[] failure = new CollectiveException[1];
      assertThatThrownBy(transfer::await)
          .isInstanceOfSatisfying(CollectiveException.class, e -> failure[0] = e)
          .hasMessage(message);
      return failure[0].failure().orElseThrow().kind();
    }
  }

  @Test
  void aProcessOfAnotherAttemptIsRefused() throws Exception {
    SparkConf conf = conf(Security.AES_CTR);
    TransportListener listener0 = listen(conf);
    TransportListener absent = listen(conf);
    TransportListener stale = listen(conf);
    List<InetSocketAddress> addresses = List.of(listener0.address(), absent.address());
    Future<?> rank0 =
        threads.submit(() -> listener0.join(member(0, 2), addresses, Duration.ofSeconds(10)));
    Membership old = new Membership(ATTEMPT - 1, 1, 2, new byte[Membership.SECRET_BYTES]);

    assertThatThrownBy(() -> stale.join(old, addresses, CONNECTING))
        .isInstanceOf(CollectiveException.class)
        .hasMessageContaining("it is of another attempt of the run, or of another run");
    assertThatThrownBy(() -> rank0.get(PATIENCE_SECONDS, TimeUnit.SECONDS))
        .isInstanceOf(ExecutionException.class)
        .hasCauseInstanceOf(CollectiveException.class);
    absent.close();
  }

  @Test
  void aProcessWithoutSparksSecretIsNotLetIn() throws Exception {
    SparkConf conf = conf(Security.AES_CTR);
    SparkConf wrong = conf(Security.AES_CTR).set("spark.authenticate.secret", "another");
    TransportListener listener0 = listen(conf);
    TransportListener listener1 = listen(wrong);
    List<InetSocketAddress> addresses = List.of(listener0.address(), listener1.address());
    Future<?> rank0 =
        threads.submit(() -> listener0.join(member(0, 2), addresses, Duration.ofSeconds(2)));

    assertThatThrownBy(() -> listener1.join(member(1, 2), addresses, Duration.ofSeconds(1)))
        .isInstanceOf(CollectiveException.class)
        .hasMessageStartingWith("rank 0 cannot be reached: ");
    assertThatThrownBy(() -> rank0.get(PATIENCE_SECONDS, TimeUnit.SECONDS))
        .hasCauseInstanceOf(CollectiveException.class);
  }

  @Test
  void plainSocketsAreForAPlainSparkOnly() throws Exception {
    SparkConf plain = new SparkConf(false);
    assertThat(CollectiveTransports.secured(plain)).isFalse();
    try (TransportListener listener = listen(plain)) {
      assertThat(listener).isInstanceOf(NioListener.class);
    }
    for (Security security : Security.values()) {
      assertThat(CollectiveTransports.secured(conf(security))).as("%s", security).isTrue();
    }
  }

  @Test
  void refusesEncryptionWithoutAuthentication() {
    SparkConf conf = new SparkConf(false).set("spark.network.crypto.enabled", "true");

    assertThatThrownBy(() -> listen(conf))
        .isInstanceOf(UserException.class)
        .hasMessage(
            "spark.network.crypto.enabled needs spark.authenticate=true, which is not set: set both, or use spark.ssl.rpc.enabled");
  }

  @Test
  void refusesACipherThatLosesMessages() {
    assertThatThrownBy(
            () ->
                CipherProbe.require(
                    () -> {
                      throw new IOException("Connection closed");
                    },
                    "4.0.1"))
        .isInstanceOf(UserException.class)
        .hasRootCauseMessage("Connection closed")
        .hasMessage(
            "spark.network.crypto.cipher=AES/GCM/NoPadding loses messages in Spark 4.0.1 (SPARK-56227): set it to AES/CTR/NoPadding, encrypt with spark.ssl.rpc.enabled instead, or use a later Spark");
  }

  private static float[] sum(
      TransportListener listener, Membership me, List<InetSocketAddress> addresses) {
    try (PeerCollective collective =
        new PeerCollective(listener.join(me, addresses, CONNECTING), LONG)) {
      float[] values = new float[LENGTH];
      Arrays.fill(values, TELLTALE);
      assertThat(collective.shard(LENGTH, me.rank()))
          .isEqualTo(Shard.of(LENGTH, me.rank(), me.worldSize()));
      collective.reduceScatter(values, 0, LENGTH).await();
      collective.allGather(values, 0, LENGTH).await();
      assertThat(collective.allGather(new byte[] {(byte) me.rank()})[me.worldSize() - 1])
          .containsExactly(me.worldSize() - 1);
      collective.barrier();
      return values;
    }
  }

  @SafeVarargs
  private List<float[]> run(Callable<float[]>... ranks) throws Exception {
    List<Future<float[]>> futures = new ArrayList<>();
    for (Callable<float[]> rank : ranks) {
      futures.add(threads.submit(rank));
    }
    List<float[]> results = new ArrayList<>();
    for (Future<float[]> future : futures) {
      results.add(future.get(PATIENCE_SECONDS, TimeUnit.SECONDS));
    }
    return results;
  }

  private static Membership member(int rank, int worldSize) {
    return new Membership(ATTEMPT, rank, worldSize, new byte[Membership.SECRET_BYTES]);
  }
}
