package dev.firesteel.collective;

import static org.assertj.core.api.Assertions.assertThat;

import dev.firesteel.collective.PeerWorld.Way;
import java.io.IOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.nio.channels.ServerSocketChannel;
import java.nio.channels.SocketChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.time.Duration;
import java.util.Arrays;
import java.util.List;
import java.util.Set;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

class SharedMemoryTest {
  private final ExecutorService threads = Executors.newCachedThreadPool();

  @BeforeEach
  void needMemory() throws IOException {
    PeerWorld.assumeSharedMemory(4);
  }

  @AfterEach
  void endThreads() {
    threads.shutdownNow();
  }

  @Test
  void twoRanksOfOneMachineShareMemoryAndLeaveNoFile() throws Exception {
    Set<Path> before = files();

    List<NioTransport> world = PeerWorld.transports(Way.MEMORY, threads, 3);

    assertThat(world.get(0).ranksByMemory()).containsExactly(1, 2);
    assertThat(world.get(2).ranksByMemory()).containsExactly(0, 1);
    Set<Path> left = files();
    left.removeAll(before);
    // Those of other processes that just now connect are gone soon.
    for (int i = 0; i < 100 && left.stream().anyMatch(Files::exists); i++) {
      Thread.sleep(100);
    }
    assertThat(left).noneMatch(Files::exists);
    world.forEach(NioTransport::close);
  }

  @Test
  void aRankThatDoesNotShareIsReachedOverSockets() throws Exception {
    List<NioTransport> world =
        PeerWorld.transports(threads, List.of(Way.MEMORY, Way.SOCKETS, Way.MEMORY, Way.MEMORY));

    assertThat(world.get(0).ranksByMemory()).containsExactly(2, 3);
    assertThat(world.get(1).ranksByMemory()).isEmpty();
    assertThat(world.get(2).ranksByMemory()).containsExactly(0, 3);
    List<Future<Float>> sums =
        world.stream().map(transport -> threads.submit(() -> sum(transport))).toList();
    for (Future<Float> sum : sums) {
      assertThat(sum.get(30, TimeUnit.SECONDS)).isEqualTo(1 + 2 + 3 + 4);
    }
  }

  private static float sum(NioTransport transport) {
    try (PeerCollective collective = new PeerCollective(transport, Duration.ofSeconds(30))) {
      float[] values = new float[3 * Frame.MAX_PAYLOAD_BYTES];
      Arrays.fill(values, collective.rank() + 1);
      collective.reduceScatter(values, 0, values.length).await();
      collective.allGather(values, 0, values.length).await();
      collective.barrier();
      return values[values.length - 1];
    }
  }

  @Test
  void nobodyElseMayOpenTheFile() throws Exception {
    try (Connected both = Connected.open()) {
      Path file;
      try (SharedMemory memory = SharedMemory.offer(both.one)) {
        file = SharedMemory.FOLDER.resolve(name(memory.offer()));

        assertThat(PosixFilePermissions.toString(Files.getPosixFilePermissions(file)))
            .isEqualTo("rw-------");
        assertThat(Files.size(file)).isEqualTo(FrameRing.FILE_BYTES);
      }
      assertThat(file).doesNotExist();
    }
  }

  @Test
  void offersThatDoNotHoldAreDeclined() throws Exception {
    try (Connected both = Connected.open();
        SharedMemory mine = SharedMemory.offer(both.one);
        SharedMemory others = SharedMemory.offer(both.other)) {
      byte[] wrongNonce = others.offer();
      wrongNonce[SharedMemory.OFFER_BYTES - 1] ^= 1;
      byte[] gone = named("firesteel-1.frames");
      byte[] elsewhere = named("../../etc/firesteel-1.frames");
      byte[] tooLong = named("firesteel-".concat("1".repeat(38)));

      for (byte[] offer : List.of(wrongNonce, gone, elsewhere, tooLong, named(""))) {
        assertThat(mine.verdict(offer)).containsExactly(0);
      }
      assertThat(mine.verdict(others.offer())).containsExactly(1);
      try (SharedMemory none = SharedMemory.none()) {
        assertThat(none.verdict(others.offer())).containsExactly(0);
      }
    }
  }

  private static byte[] named(String name) {
    return Arrays.copyOf(name.getBytes(StandardCharsets.US_ASCII), SharedMemory.OFFER_BYTES);
  }

  private static String name(byte[] offer) {
    return new String(offer, 0, offer.length - FrameRing.NONCE_BYTES, StandardCharsets.US_ASCII)
        .replace("\0", "");
  }

  private static Set<Path> files() throws IOException {
    try (Stream<Path> all = Files.list(SharedMemory.FOLDER)) {
      return all.filter(file -> file.getFileName().toString().startsWith("firesteel-"))
          .collect(Collectors.toSet());
    }
  }

  /** Both ends of a connection within this machine. */
  private record Connected(SocketChannel one, SocketChannel other) implements AutoCloseable {
    static Connected open() throws IOException {
      try (ServerSocketChannel server = ServerSocketChannel.open()) {
        server.bind(new InetSocketAddress(InetAddress.getLoopbackAddress(), 0));
        SocketChannel one = SocketChannel.open(server.getLocalAddress());
        return new Connected(one, server.accept());
      }
    }

    @Override
    public void close() throws IOException {
      one.close();
      other.close();
    }
  }
}
