package dev.firesteel.collective;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.offset;

import com.sun.management.ThreadMXBean;
import dev.firesteel.collective.PeerWorld.RankBody;
import java.lang.management.ManagementFactory;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.Parameter;
import org.junit.jupiter.params.ParameterizedClass;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.ValueSource;

@ParameterizedClass
@EnumSource(PeerWorld.Way.class)
class PeerCollectiveTest {
  /** Empty and uneven shards, one frame and several, no multiple of anything. */
  private static final int[] LENGTHS = {0, 1, 13, 16384, 16385, 100_003, 3 * 262_144 + 5};

  private static final int MARGIN = 3;

  @Parameter private PeerWorld.Way way;

  @ParameterizedTest
  @ValueSource(ints = {1, 2, 4, 8})
  void sumsAreTheBinaryTreeForPowersOfTwo(int worldSize) throws Exception {
    try (PeerWorld world = PeerWorld.open(way, worldSize)) {
      for (int length : LENGTHS) {
        float[] expected = new float[length];
        for (int i = 0; i < length; i++) {
          TreeSum<Float> sum = new TreeSum<>(Float::sum, worldSize);
          for (int rank = 0; rank < worldSize; rank++) {
            sum.add(value(rank, length, i));
          }
          expected[i] = sum.total();
        }

        assertThat(summed(world, length))
            .as("%d ranks, length %d", worldSize, length)
            .allSatisfy(values -> assertThat(Arrays.mismatch(values, expected)).isEqualTo(-1));
      }
    }
  }

  @ParameterizedTest
  @ValueSource(ints = {3, 5, 6})
  void sumsOfOtherWorldsGoAlongTheRing(int worldSize) throws Exception {
    try (PeerWorld world = PeerWorld.open(way, worldSize)) {
      for (int length : LENGTHS) {
        float[] expected = new float[length];
        for (int shardOf = 0; shardOf < worldSize; shardOf++) {
          Shard shard = Shard.of(length, shardOf, worldSize);
          for (int i = shard.begin(); i < shard.end(); i++) {
            float sum = value((shardOf + 1) % worldSize, length, i);
            for (int hop = 2; hop <= worldSize; hop++) {
              sum += value((shardOf + hop) % worldSize, length, i);
            }
            expected[i] = sum;
          }
        }

        assertThat(summed(world, length))
            .as("%d ranks, length %d", worldSize, length)
            .allSatisfy(values -> assertThat(Arrays.mismatch(values, expected)).isEqualTo(-1));
      }
    }
  }

  @ParameterizedTest
  @ValueSource(ints = {2, 4, 8})
  void agreesWithTheTestDoubleToTheBit(int worldSize) throws Exception {
    int length = 100_003;
    List<ThreadCollective> threads = ThreadCollective.world(worldSize);
    try (PeerWorld world = PeerWorld.open(way, worldSize)) {
      List<float[]> shards =
          world.run(
              collective -> {
                int rank = collective.rank();
                float[] sockets = values(rank, length);
                collective.reduceScatter(sockets, 0, length).await();
                float[] ofThreads = values(rank, length);
                threads.get(rank).reduceScatter(ofThreads, 0, length).await();
                Shard mine = collective.shard(length, rank);
                int begin = mine.begin();
                int end = mine.end();
                assertThat(Arrays.mismatch(sockets, begin, end, ofThreads, begin, end))
                    .isEqualTo(-1);
                return Arrays.copyOfRange(sockets, mine.begin(), mine.end());
              });

      assertThat(shards.stream().mapToInt(shard -> shard.length).sum()).isEqualTo(length);
    }
  }

  @ParameterizedTest
  @ValueSource(ints = {2, 3, 4})
  void severalArraysMayBeUnderWay(int worldSize) throws Exception {
    int arrays = 6;
    int length = 50_001;
    try (PeerWorld world = PeerWorld.open(way, worldSize)) {
      List<float[][]> results =
          world.run(
              collective -> {
                float[][] all = new float[arrays][];
                List<Transfer> transfers = new ArrayList<>();
                for (int a = 0; a < arrays; a++) {
                  all[a] = values(collective.rank() + a, length);
                  transfers.add(collective.reduceScatter(all[a], 0, length));
                  transfers.add(collective.allGather(all[a], 0, length));
                }
                double[] small = {collective.rank()};
                collective.allReduce(small);
                assertThat(small).containsExactly(worldSize * (worldSize - 1) / 2.0);
                transfers.forEach(Transfer::await);
                return all;
              });

      for (int a = 0; a < arrays; a++) {
        for (int i = 0; i < length; i += 997) {
          double sum = 0;
          for (int rank = 0; rank < worldSize; rank++) {
            sum += value(rank + a, length, i);
          }
          assertThat((double) results.get(0)[a][i]).isCloseTo(sum, offset(1e-5));
        }
        for (float[][] ofRank : results) {
          assertThat(Arrays.mismatch(ofRank[a], results.get(0)[a])).isEqualTo(-1);
        }
      }
    }
  }

  @ParameterizedTest
  @ValueSource(ints = {1, 2, 3, 4, 5, 8})
  void smallCallsAgreeWithTheTestDouble(int worldSize) throws Exception {
    List<ThreadCollective> threads = ThreadCollective.world(worldSize);
    try (PeerWorld world = PeerWorld.open(way, worldSize)) {
      world.run(
          collective -> {
            int rank = collective.rank();
            Random random = new Random(rank);
            for (int call = 0; call < 20; call++) {
              double[] sockets = random.doubles(call).map(x -> x * 1e6 - 5e5).toArray();
              double[] ofThreads = sockets.clone();
              collective.enterStep(call);
              collective.allReduce(sockets);
              threads.get(rank).allReduce(ofThreads);
              assertThat(sockets).containsExactly(ofThreads);

              byte[] mine = new byte[(rank * 31 + call * 7) % 50];
              random.nextBytes(mine);
              assertThat(collective.allGather(mine))
                  .isDeepEqualTo(threads.get(rank).allGather(mine));
              collective.barrier();
            }
            return null;
          });
    }
  }

  @Test
  void gathersBytesOfSeveralFrames() throws Exception {
    byte[] large = new byte[3 * Frame.MAX_PAYLOAD_BYTES + 17];
    new Random(5).nextBytes(large);
    try (PeerWorld world = PeerWorld.open(way, 3)) {
      List<byte[][]> results =
          world.run(
              collective -> collective.allGather(collective.rank() == 1 ? large : new byte[0]));

      assertThat(results)
          .allSatisfy(all -> assertThat(all).isDeepEqualTo(new byte[][] {{}, large, {}}));
    }
  }

  @Test
  void transfersAllocateNoBuffers() throws Exception {
    int length = 4 * 1_048_576;
    try (PeerWorld world = PeerWorld.open(way, 2)) {
      float[][] values = {new float[length], new float[length]};
      RankBody<Void> sum =
          collective -> {
            float[] mine = values[collective.rank()];
            collective.reduceScatter(mine, 0, length).await();
            collective.allGather(mine, 0, length).await();
            return null;
          };
      world.run(sum);
      long before = allocatedByCollectives();
      for (int i = 0; i < 10; i++) {
        world.run(sum);
      }

      // 10 sums over 2 ranks: 330 frames come and go, each with a few small objects.
      assertThat(allocatedByCollectives() - before).isBetween(1L, 1_000_000L);
    }
  }

  private static long allocatedByCollectives() {
    ThreadMXBean threads = (ThreadMXBean) ManagementFactory.getThreadMXBean();
    return Thread.getAllStackTraces().keySet().stream()
        .filter(thread -> thread.getName().equals("firesteel-collective"))
        .mapToLong(thread -> threads.getThreadAllocatedBytes(thread.getId()))
        .sum();
  }

  @Test
  void refusesARangeOutsideOfTheArray() throws Exception {
    try (PeerWorld world = PeerWorld.open(way, 1)) {
      assertThatThrownBy(() -> world.rank(0).reduceScatter(new float[10], 5, 6))
          .isInstanceOf(IndexOutOfBoundsException.class);
    }
  }

  @Test
  void theThreadEndsWithTheCollective() throws Exception {
    try (PeerWorld world = PeerWorld.open(way, 2)) {
      world.run(
          collective -> {
            collective.barrier();
            collective.close();
            assertThatThrownBy(collective::barrier)
                .isInstanceOf(CollectiveException.class)
                .hasMessage("the collective of rank %d is closed", collective.rank());
            return null;
          });
      assertThat(Thread.getAllStackTraces().keySet())
          .extracting(Thread::getName)
          .noneMatch(name -> name.startsWith("firesteel-co"));
    }
  }

  /** A whole sum, of a range in the middle of an array whose margins must stay as they are. */
  private static List<float[]> summed(PeerWorld world, int length) throws Exception {
    return world.run(
        collective -> {
          float[] padded = new float[length + 2 * MARGIN];
          Arrays.fill(padded, -1);
          System.arraycopy(values(collective.rank(), length), 0, padded, MARGIN, length);
          collective.reduceScatter(padded, MARGIN, length).await();
          collective.allGather(padded, MARGIN, length).await();
          for (int i = 0; i < MARGIN; i++) {
            assertThat(padded[i]).isEqualTo(-1);
            assertThat(padded[MARGIN + length + i]).isEqualTo(-1);
          }
          return Arrays.copyOfRange(padded, MARGIN, MARGIN + length);
        });
  }

  private static float[] values(int rank, int length) {
    float[] values = new float[length];
    for (int i = 0; i < length; i++) {
      values[i] = value(rank, length, i);
    }
    return values;
  }

  /** Numbers of several magnitudes, so that the order of additions shows. */
  private static float value(int rank, int length, int i) {
    long mixed = (rank * 1_000_003L + length * 31L + i) * 0x9E3779B97F4A7C15L;
    return (float) Math.scalb((mixed >> 40) / (double) (1 << 23), (int) (mixed & 15) - 12);
  }
}
