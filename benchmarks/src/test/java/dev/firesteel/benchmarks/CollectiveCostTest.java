package dev.firesteel.benchmarks;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import dev.firesteel.benchmarks.CollectiveCost.Algorithm;
import dev.firesteel.collective.Shard;
import org.assertj.core.data.Offset;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.ValueSource;

class CollectiveCostTest {
  /** Whole shards for 64 ranks. */
  private static final long BYTES = 64L * 16 * Shard.ALIGNMENT * Float.BYTES;

  private static final double ALPHA = 3e-5;
  private static final double BETA = 1e-9;
  private static final double GAMMA = 2e-10;
  private static final Network FLAT = new Network(0, BETA, 1, 16, 1);
  private static final HostCost NO_HOST = new HostCost(0, 0, 0, 0);

  private static CollectiveCost cost(Algorithm way, HostCost host, Network network, int ranks) {
    return new CollectiveCost(way, host, network, 1e-10, ranks);
  }

  private static Offset<Double> exactly(double value) {
    return within(1e-12 * value);
  }

  @ParameterizedTest
  @EnumSource
  void movesTwiceAllButOneShareOfTheBytes(Algorithm algorithm) {
    for (int ranks : new int[] {2, 8, 64}) {
      double expected = 2.0 * (ranks - 1) / ranks * BYTES * BETA;

      assertThat(cost(algorithm, NO_HOST, FLAT, ranks).allReduce(BYTES))
          .isCloseTo(expected, exactly(expected));
    }
  }

  @ParameterizedTest
  @ValueSource(ints = {2, 8, 64, 512})
  void halvingWaitsForTwiceTheLogarithmOfTheRanksAndARingForTwiceTheRanks(int ranks) {
    Network latency = new Network(ALPHA, 0, 1, 16, 1);
    double logarithm = Integer.numberOfTrailingZeros(ranks);

    assertThat(cost(Algorithm.HALVING, NO_HOST, latency, ranks).allReduce(BYTES))
        .isCloseTo(2 * logarithm * ALPHA, exactly(ALPHA));
    assertThat(cost(Algorithm.RING, NO_HOST, latency, ranks).allReduce(BYTES))
        .isCloseTo(2 * (ranks - 1) * ALPHA, exactly(1));
    assertThat(cost(Algorithm.HALVING, NO_HOST, latency, ranks).small())
        .isCloseTo(logarithm * ALPHA, exactly(ALPHA));
  }

  @Test
  void onlySumsAreAdded() {
    HostCost adding = new HostCost(0, 0, 0, GAMMA);
    Network instant = new Network(0, 0, 1, 16, 1);
    CollectiveCost halving = cost(Algorithm.HALVING, adding, instant, 8);

    assertThat(halving.reduceScatter(BYTES)).isCloseTo(7.0 / 8 * BYTES * GAMMA, exactly(1));
    assertThat(halving.allGather(BYTES)).isZero();
  }

  @Test
  void theSlowerOfWireAndHostCounts() {
    HostCost slow = new HostCost(0, 0, 3 * BETA, 0);
    HostCost fast = new HostCost(0, 0, BETA / 3, 0);

    assertThat(cost(Algorithm.HALVING, slow, FLAT, 2).allGather(BYTES))
        .isCloseTo(BYTES / 2.0 * 3 * BETA, exactly(1));
    assertThat(cost(Algorithm.HALVING, fast, FLAT, 2).allGather(BYTES))
        .isCloseTo(BYTES / 2.0 * BETA, exactly(1));
  }

  @Test
  void allRanksOfAHostTogetherSendNoMoreThanARingDoes() {
    int perHost = 8;
    Network shared = new Network(0, BETA, perHost, 16, 1);
    double expected = (1 - (double) perHost / 64) * BYTES * BETA;

    // The first three rounds stay within a host, where nothing but the host's cost counts.
    assertThat(cost(Algorithm.HALVING, NO_HOST, shared, 64).allGather(BYTES))
        .isCloseTo(expected, exactly(1));
  }

  @Test
  void onlyTheLastRoundsOfHalvingPassTheUplinksOfRacks() {
    int rack = 16;
    int oversubscription = 4;
    Network racks = new Network(0, BETA, 1, rack, oversubscription);
    double within = 1 - 1.0 / rack;
    double across = oversubscription * (1.0 / rack - 1.0 / 64);

    assertThat(cost(Algorithm.HALVING, NO_HOST, racks, 64).allGather(BYTES))
        .isCloseTo((within + across) * BYTES * BETA, exactly(1));
    assertThat(cost(Algorithm.RING, NO_HOST, racks, 64).allGather(BYTES))
        .as("a ring sends one stream through an uplink")
        .isCloseTo(63.0 / 64 * BYTES * BETA, exactly(1));
  }

  @Test
  void aHostsMemoryReplacesTheRoundsWithinIt() {
    HostCost host = new HostCost(0, 0, BETA, 0);
    Network oneHost = new Network(0, BETA, 4, 16, 1);

    assertThat(cost(Algorithm.HALVING, host, oneHost, 4).allGather(BYTES))
        .isCloseTo(0.75 * BYTES * BETA, exactly(1));
    assertThat(cost(Algorithm.HIERARCHICAL, host, oneHost, 4).allGather(BYTES))
        .isCloseTo(10 * BYTES * 1e-10, exactly(1));
  }

  @Test
  void shardsAreCutAtBlocks() {
    long blockBytes = (long) Shard.ALIGNMENT * Float.BYTES;

    assertThat(cost(Algorithm.RING, NO_HOST, FLAT, 64).allGather(65 * blockBytes))
        .as("one rank has two blocks, and all wait for it")
        .isCloseTo(63 * 2 * blockBytes * BETA, exactly(1));
  }

  @Test
  void rejectsHalvingAmongANumberThatIsNoPowerOfTwo() {
    assertThatThrownBy(() -> cost(Algorithm.HALVING, NO_HOST, FLAT, 6))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessage("halving needs a power of two ranks, got 6");
  }
}
