package dev.firesteel.generate;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import dev.firesteel.error.UserException;
import dev.firesteel.random.RandomStream;
import java.util.BitSet;
import org.junit.jupiter.api.Test;

class TokenSamplerTest {
  /** Probabilities 0.1, 0.4, 0.2, 0.3 at temperature 1. */
  private static final float[] LOGITS = {
    (float) Math.log(1), (float) Math.log(4), (float) Math.log(2), (float) Math.log(3)
  };

  private static GenerationOptions.Builder options() {
    return GenerationOptions.builder().temperature(1);
  }

  private static void assertDistribution(
      GenerationOptions.Builder options, int[] ids, double... probabilities) {
    TokenSampler.Distribution got = new TokenSampler(options.build()).distribution(LOGITS.clone());
    assertThat(got.ids()).containsExactly(ids);
    assertThat(got.probabilities()).containsExactly(probabilities, within(1e-7));
  }

  @Test
  void withoutFiltersIsTheSoftmax() {
    assertDistribution(options(), new int[] {0, 1, 2, 3}, 0.1, 0.4, 0.2, 0.3);
  }

  @Test
  void temperatureDividesTheLogits() {
    // At 1/2 the probabilities are squared: 1, 16, 4, 9 of 30.
    assertDistribution(
        options().temperature(0.5), new int[] {0, 1, 2, 3}, 1 / 30.0, 16 / 30.0, 4 / 30.0, 0.3);
  }

  @Test
  void topKKeepsTheLikeliest() {
    assertDistribution(options().topK(2), new int[] {1, 3}, 4 / 7.0, 3 / 7.0);
    assertDistribution(options().topK(9), new int[] {1, 3, 2, 0}, 0.4, 0.3, 0.2, 0.1);
  }

  @Test
  void topPKeepsTheFewestThatReachTheSum() {
    assertDistribution(options().topP(0.65), new int[] {1, 3}, 4 / 7.0, 3 / 7.0);
    assertDistribution(options().topP(0.75), new int[] {1, 3, 2}, 4 / 9.0, 3 / 9.0, 2 / 9.0);
    assertDistribution(options().topP(1e-9), new int[] {1}, 1);
  }

  @Test
  void minPKeepsWhatIsNotFarLessLikelyThanTheLikeliest() {
    assertDistribution(options().minP(0.4), new int[] {1, 3, 2}, 4 / 9.0, 3 / 9.0, 2 / 9.0);
    assertDistribution(options().minP(1), new int[] {1}, 1);
  }

  @Test
  void topPSeesWhatTopKLeft() {
    // Of the two left, 4/7 alone reaches 0.5; of all four, 0.4 would not.
    assertDistribution(options().topK(2).topP(0.5), new int[] {1}, 1);
  }

  @Test
  void equalLogitsRankByRisingId() {
    assertThat(TokenSampler.ranked(new float[] {-0f, 1, 0f, 1, -1}, 5))
        .containsExactly(1, 3, 0, 2, 4);
    assertThat(TokenSampler.argmax(new float[] {0, 1, 1})).isEqualTo(1);
  }

  @Test
  void repetitionPenaltyWeakensSeenTokensOfEitherSign() {
    float[] logits = {3, -3, 3, -3};
    BitSet seen = new BitSet();
    seen.set(0, 2);

    TokenSampler.penalize(logits, 0, seen, 1.5);

    assertThat(logits).containsExactly(2, -4.5f, 3, -3);
  }

  @Test
  void drawsAsOftenAsTheProbabilitiesSay() {
    TokenSampler sampler = new TokenSampler(options().topK(3).build());
    RandomStream random = RandomStream.of(1, "test");
    int[] counts = new int[4];
    for (int i = 0; i < 9000; i++) {
      counts[sampler.sample(LOGITS.clone(), 0, 4, new BitSet(), random)]++;
    }

    // Expected 4000, 2000, 3000; standard deviations below 50.
    assertThat(counts[0]).isZero();
    assertThat(counts[1]).isBetween(3800, 4200);
    assertThat(counts[2]).isBetween(1800, 2200);
    assertThat(counts[3]).isBetween(2800, 3200);
  }

  @Test
  void theFastChoiceIsTheExactOneOrNone() {
    RandomStream random = RandomStream.of(5, "test");
    for (double temperature : new double[] {0.3, 1, 2.5}) {
      TokenSampler sampler = new TokenSampler(options().temperature(temperature).build());
      float[] logits = new float[1000];
      for (int i = 0; i < logits.length; i++) {
        logits[i] = (float) (8 * random.nextGaussian());
      }
      logits[17] = Float.NEGATIVE_INFINITY;
      float[] padded = new float[1100];
      System.arraycopy(logits, 0, padded, 50, logits.length);
      double[] probabilities = sampler.distribution(logits).probabilities();
      int undecided = 0;
      for (int i = 0; i < 2000; i++) {
        double u = random.nextDouble();
        int fast = sampler.chooseFast(padded, 50, logits.length, u);
        undecided += fast < 0 ? 1 : 0;
        assertThat(fast).isIn(-1, choice(probabilities, u));
      }
      assertThat(undecided).as("of 2000").isLessThan(10);
      // On a boundary, and beyond the last one.
      double sum = 0;
      for (int id = 0; id < 999; id++) {
        sum += probabilities[id];
        assertThat(
                sampler.chooseFast(padded, 50, logits.length, Math.min(sum, 0x1.fffffffffffffp-1)))
            .isEqualTo(-1);
      }
    }
  }

  private static int choice(double[] probabilities, double u) {
    double sum = 0;
    for (int i = 0; i < probabilities.length - 1; i++) {
      sum += probabilities[i];
      if (u < sum) {
        return i;
      }
    }
    return probabilities.length - 1;
  }

  @Test
  void theFastExponentialIsWithinItsError() {
    for (double x = 0; x > -745; x -= 0.0137) {
      double exact = StrictMath.exp(x);
      assertThat(FastExp.of(x)).isCloseTo(exact, within(x < -700 ? 1e-300 : 1e-11 * exact));
    }
    assertThat(FastExp.of(0)).isEqualTo(1);
    assertThat(FastExp.of(Double.NEGATIVE_INFINITY)).isZero();
  }

  @Test
  void refusesLogitsThatAreNoNumbers() {
    float[] logits = {1, Float.NaN};

    assertThatThrownBy(() -> TokenSampler.argmax(logits))
        .isInstanceOf(UserException.class)
        .hasMessageContaining("the model's logits must be numbers, got NaN");
    assertThatThrownBy(() -> new TokenSampler(options().build()).distribution(logits))
        .isInstanceOf(UserException.class)
        .hasMessageContaining("the model's logits must be numbers, got NaN");
  }
}
