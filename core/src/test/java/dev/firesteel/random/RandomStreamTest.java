package dev.firesteel.random;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import java.util.HashSet;
import java.util.Set;
import org.junit.jupiter.api.Test;

class RandomStreamTest {
  private static final int DRAWS = 200_000;

  @Test
  void sameNameGivesTheSameNumbers() {
    RandomStream a = RandomStream.of(1337, "dropout", 3, 1);
    RandomStream b = RandomStream.of(1337, "dropout", 3, 1);
    for (int i = 0; i < 100; i++) {
      assertThat(a.nextLong()).isEqualTo(b.nextLong());
    }
  }

  @Test
  void differentNamesGiveDifferentKeys() {
    Set<Long> keys = new HashSet<>();
    int names = 0;
    for (long seed = 0; seed < 10; seed++) {
      for (String purpose : new String[] {"a", "b", "ab", "ba", "dropout", "initialisation"}) {
        for (long i = -5; i < 5; i++) {
          keys.add(RandomStream.key(seed, purpose, i));
          for (long j = -5; j < 5; j++) {
            keys.add(RandomStream.key(seed, purpose, i, j));
            names++;
          }
          names++;
        }
        keys.add(RandomStream.key(seed, purpose));
        names++;
      }
    }
    assertThat(keys).hasSize(names);
  }

  /**
   * Runs are resumed by name, so no number may change when the code does. The values are those of a
   * second implementation of the documented functions, in Python.
   */
  @Test
  void streamsNeverChange() {
    RandomStream stream = RandomStream.of(1337, "golden", 7);
    assertThat(RandomStream.key(1337, "golden", 7)).isEqualTo(0x956bb0afd82e33b9L);
    assertThat(stream.nextInt()).isEqualTo(-1711869711);
    assertThat(stream.nextInt(1000)).isEqualTo(643);
    assertThat(stream.nextDouble()).isEqualTo(0.9812237225679709);
    assertThat(stream.nextGaussian()).isCloseTo(-1.4199554055574328, within(1e-15));
  }

  @Test
  void wordsFollowTheBlocksOfTheKey() {
    RandomStream stream = RandomStream.of(5, "words");
    long key = RandomStream.key(5, "words");
    int[] words = new int[4];
    for (int counter = 0; counter < 3; counter++) {
      Philox.block(key, counter, words, 0);
      for (int word : words) {
        assertThat(stream.nextInt()).isEqualTo(word);
      }
    }
  }

  @Test
  void doublesAreUniform() {
    RandomStream stream = RandomStream.of(1, "uniform");
    double sum = 0;
    double squares = 0;
    int[] bins = new int[10];
    for (int i = 0; i < DRAWS; i++) {
      double x = stream.nextDouble();
      assertThat(x >= 0 && x < 1).isTrue();
      sum += x;
      squares += x * x;
      bins[(int) (x * 10)]++;
    }
    // Five standard errors.
    assertThat(sum / DRAWS).isCloseTo(0.5, within(5 * Math.sqrt(1.0 / 12 / DRAWS)));
    assertThat(squares / DRAWS).isCloseTo(1.0 / 3, within(5 * Math.sqrt(4.0 / 45 / DRAWS)));
    for (int bin : bins) {
      assertThat((double) bin / DRAWS).isCloseTo(0.1, within(5 * Math.sqrt(0.09 / DRAWS)));
    }
  }

  @Test
  void gaussiansHaveTheMomentsOfTheStandardNormal() {
    RandomStream stream = RandomStream.of(2, "normal");
    double[] moments = new double[5];
    int beyondTwo = 0;
    for (int i = 0; i < DRAWS; i++) {
      double x = stream.nextGaussian();
      double power = 1;
      for (int k = 0; k < moments.length; k++) {
        moments[k] += power / DRAWS;
        power *= x;
      }
      if (Math.abs(x) > 2) {
        beyondTwo++;
      }
    }
    // The variance of the k-th moment's mean is (E x^2k - (E x^k)^2) / n; five deviations of it.
    assertThat(moments[1]).isCloseTo(0, within(5 * Math.sqrt(1.0 / DRAWS)));
    assertThat(moments[2]).isCloseTo(1, within(5 * Math.sqrt(2.0 / DRAWS)));
    assertThat(moments[3]).isCloseTo(0, within(5 * Math.sqrt(15.0 / DRAWS)));
    assertThat(moments[4]).isCloseTo(3, within(5 * Math.sqrt(96.0 / DRAWS)));
    assertThat((double) beyondTwo / DRAWS)
        .isCloseTo(0.0455003, within(5 * Math.sqrt(0.0455 * 0.9545 / DRAWS)));
  }

  @Test
  void boundedIntsAreUniformAndReachEveryValue() {
    for (int bound : new int[] {1, 2, 3, 7, 10}) {
      RandomStream stream = RandomStream.of(bound, "bounded");
      int[] counts = new int[bound];
      for (int i = 0; i < DRAWS; i++) {
        counts[stream.nextInt(bound)]++;
      }
      double p = 1.0 / bound;
      for (int count : counts) {
        assertThat((double) count / DRAWS)
            .as("bound %s", bound)
            .isCloseTo(p, within(5 * Math.sqrt(p * (1 - p) / DRAWS) + 1e-12));
      }
    }
  }

  @Test
  void largeBoundsAreWithoutBias() {
    // Without the rejection of Lemire's method a third of the values would come up twice as often.
    int bound = 3 << 29;
    RandomStream stream = RandomStream.of(9, "large bound");
    int[] thirds = new int[3];
    for (int i = 0; i < DRAWS; i++) {
      int x = stream.nextInt(bound);
      assertThat(x >= 0 && x < bound).isTrue();
      thirds[x % 3]++;
    }
    for (int third : thirds) {
      assertThat((double) third / DRAWS).isCloseTo(1 / 3.0, within(5 * Math.sqrt(2 / 9.0 / DRAWS)));
    }
  }

  @Test
  void refusesAnEmptyPurpose() {
    assertThatThrownBy(() -> RandomStream.of(1, "", 2))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessage("RandomStream: the purpose must not be empty");
  }

  @Test
  void refusesABoundBelowOne() {
    assertThatThrownBy(() -> RandomStream.of(1, "bound").nextInt(0))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessage("nextInt: bound must be >= 1, got 0");
  }
}
