package dev.firesteel.data;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.firesteel.config.DataConfig;
import dev.firesteel.error.UserException;
import java.util.Arrays;
import java.util.stream.LongStream;
import org.junit.jupiter.api.Test;

class SampleOrderTest {
  @Test
  void eachEpochTakesEachWindowOnce() {
    for (int windows = 1; windows <= 300; windows++) {
      for (long epoch = 0; epoch < 3; epoch++) {
        var order = new SampleOrder.ShuffledWindows(7, windows, 16);
        long[] taken =
            LongStream.range(epoch * windows, (epoch + 1) * windows).map(order::window).toArray();
        Arrays.sort(taken);
        assertThat(taken)
            .as("%d windows, epoch %d", windows, epoch)
            .containsExactly(LongStream.range(0, windows).toArray());
      }
    }
  }

  @Test
  void largeRangesStayInsideAndRepeatNothing() {
    long windows = 3_000_000_000_019L;
    var order = new SampleOrder.ShuffledWindows(7, windows, 1024);
    long[] taken = LongStream.range(0, 100_000).map(order::window).toArray();

    assertThat(Arrays.stream(taken).distinct().count()).isEqualTo(taken.length);
    assertThat(Arrays.stream(taken).min().orElseThrow()).isNotNegative();
    assertThat(Arrays.stream(taken).max().orElseThrow()).isLessThan(windows);
    // The mean of 100,000 uniform draws lies within 5 standard errors of the middle.
    assertThat(Arrays.stream(taken).average().orElseThrow() / windows)
        .isBetween(0.5 - 5 / Math.sqrt(12 * 100_000), 0.5 + 5 / Math.sqrt(12 * 100_000));
  }

  /**
   * Over many keys, a window's place is uniform: chi-square with 99 degrees of freedom, whose 99.99
   * % quantile is 157.
   */
  @Test
  void everyPlaceIsEquallyLikely() {
    int[] counts = new int[100];
    int draws = 20_000;
    for (int seed = 0; seed < draws; seed++) {
      counts[(int) new SampleOrder.ShuffledWindows(seed, 100, 1).window(31)]++;
    }
    assertThat(chiSquare(counts, draws / 100.0)).isBetween(50.0, 157.0);
  }

  @Test
  void neighboursDoNotStayNeighbours() {
    var order = new SampleOrder.ShuffledWindows(1, 10_000, 1);
    long neighbours =
        LongStream.range(0, 9_999)
            .filter(i -> Math.abs(order.window(i + 1) - order.window(i)) == 1)
            .count();
    // Two in a random permutation, on average; Poisson, so 12 or more in one of 10^5 orders.
    assertThat(neighbours).isLessThan(12);
  }

  @Test
  void epochsAndSeedsGiveOtherOrders() {
    var order = new SampleOrder.ShuffledWindows(1, 1000, 1);
    long[] first = LongStream.range(0, 1000).map(order::window).toArray();

    assertThat(LongStream.range(1000, 2000).map(order::window).toArray()).isNotEqualTo(first);
    var other = new SampleOrder.ShuffledWindows(2, 1000, 1);
    assertThat(LongStream.range(0, 1000).map(other::window).toArray()).isNotEqualTo(first);
  }

  /** A changed order makes a resumed run another run: it may only change with the version. */
  @Test
  void theOrderIsPinned() {
    var shuffled = new SampleOrder.ShuffledWindows(1337, 1000, 64);
    var random = new SampleOrder.RandomOffsets(1337, 1_003_854, 64);
    assertThat(LongStream.of(0, 1, 999, 1000, 123_456_789).map(shuffled::window).toArray())
        .containsExactly(61, 13, 796, 224, 624);
    assertThat(LongStream.of(0, 1, 999, 1000, 123_456_789).map(random::start).toArray())
        .containsExactly(796599, 877822, 285747, 482411, 110272);
  }

  @Test
  void randomOffsetsReachTheFirstAndTheLastStart() {
    // Six tokens, sequences of four and one more: two starts.
    var order = new SampleOrder.RandomOffsets(3, 6, 4);
    int[] counts = new int[2];
    for (int i = 0; i < 10_000; i++) {
      counts[(int) order.start(i)]++;
    }
    assertThat(chiSquare(counts, 5_000)).isLessThan(15.1);
  }

  @Test
  void windowsCoverTheTextSideBySide() {
    SampleOrder order = SampleOrder.of(DataConfig.Sampling.SHUFFLED_WINDOWS, 5, 33, 8);

    assertThat(order.samplesPerEpoch()).isEqualTo(4);
    assertThat(LongStream.range(0, 4).map(order::start).sorted().toArray())
        .containsExactly(0, 8, 16, 24);
  }

  @Test
  void refusesATextShorterThanOneSequence() {
    assertThatThrownBy(() -> SampleOrder.of(DataConfig.Sampling.SHUFFLED_WINDOWS, 5, 8, 8))
        .isInstanceOf(UserException.class)
        .hasMessage(
            "the training text must have at least training.sequence_length + 1 = 9 tokens, got 8:"
                + " provide more text or lower training.sequence_length");
  }

  private static double chiSquare(int[] counts, double expected) {
    return Arrays.stream(counts).mapToDouble(c -> (c - expected) * (c - expected) / expected).sum();
  }
}
