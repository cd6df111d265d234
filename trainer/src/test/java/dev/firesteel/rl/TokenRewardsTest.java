package dev.firesteel.rl;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import dev.firesteel.loss.KlEstimator;
import dev.firesteel.loss.TokenGroups;
import java.util.Arrays;
import java.util.List;
import java.util.OptionalDouble;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** Scores of completions, rewards of actions, and the coefficient between them. */
class TokenRewardsTest {
  /** A prompt of one token; completions of 3, 1 and 0 actions; padding. */
  private static final TokenGroups TOKENS =
      TokenGroups.rows(new int[] {-1, 5, 6, 2, -1, -1, 2, -1, -1, -1, -1, -1, -1, -1, -1}, 5);

  /** TRL issues 1893 and 3750: it lies on the end token, not on the padding behind it. */
  @Test
  void scoreIsOnTheLastAction() {
    double[] penalties = new double[15];
    penalties[1] = -0.5;
    assertThat(TokenRewards.withRewards(penalties, new double[] {2, 3, 4}, TOKENS))
        .containsExactly(0, -0.5, 0, 2, 0, 0, 3, 0, 0, 0, 0, 0, 0, 0, 0);
  }

  @Test
  void zeroCoefficientHasNoPenalty() {
    double[] kl = new TokenRewards(KlEstimator.K1).kl(new double[15], ones(15), TOKENS);
    assertThat(kl).containsExactly(0, -1, -1, -1, 0, 0, -1, 0, 0, 0, 0, 0, 0, 0, 0);
    assertThat(TokenRewards.penalties(kl, 0)).containsOnly(0.0);
    assertThat(TokenRewards.penalties(kl, 0.5)[1]).isEqualTo(0.5);
  }

  private static double[] ones(int count) {
    double[] ones = new double[count];
    Arrays.fill(ones, 1);
    return ones;
  }

  @ParameterizedTest
  @CsvSource({
    // score, ended, tokens -> plain, clip 5, penalty 1, fixed -1
    "7, true, 7, 5, 7, 7",
    "-7, true, -7, -5, -7, -7",
    "7, false, 7, 5, 6, -1",
    "0, false, 0, 0, -1, -1",
    "0, true, 0, 0, 0, 0",
  })
  void shaping(
      double score, boolean ended, double plain, double clipped, double penalized, double fixed) {
    TokenGroups one = TokenGroups.of(new int[] {0, 0}, 1);
    double[] scores = {score};
    boolean[] ends = {ended};
    double infinity = Double.POSITIVE_INFINITY;
    OptionalDouble none = OptionalDouble.empty();
    OverlongPenalty free = OverlongPenalty.NONE;
    assertThat(ScoreShaping.NONE.of(scores, ends, one)).containsExactly(plain);
    assertThat(new ScoreShaping(5, free, 0, none).of(scores, ends, one)).containsExactly(clipped);
    assertThat(new ScoreShaping(infinity, free, 1, none).of(scores, ends, one))
        .containsExactly(penalized);
    assertThat(new ScoreShaping(infinity, free, 0, OptionalDouble.of(-1)).of(scores, ends, one))
        .containsExactly(fixed);
  }

  /** Zero is a value (axolotl issue 3254). */
  @Test
  void fixedScoreOfZeroIsNotNone() {
    ScoreShaping fixed =
        new ScoreShaping(Double.POSITIVE_INFINITY, OverlongPenalty.NONE, 0, OptionalDouble.of(0));
    TokenGroups one = TokenGroups.of(new int[] {0}, 1);
    assertThat(fixed.of(new double[] {9}, new boolean[1], one)).containsExactly(0);
  }

  @Test
  void shapingRefusesTwoWaysForAMissingEnd() {
    assertThatThrownBy(() -> new ScoreShaping(5, OverlongPenalty.NONE, 1, OptionalDouble.of(-1)))
        .hasMessage(
            "rl: completions without an end must have a fixed score or a penalty, got both: -1.0"
                + " and 1.0");
    assertThatThrownBy(() -> new ScoreShaping(0, OverlongPenalty.NONE, 0, OptionalDouble.empty()))
        .hasMessage("rl: the greatest absolute score must be positive, got 0.0");
  }

  /** DAPO, equation 13: L 20, C 4. */
  @ParameterizedTest
  @CsvSource({"1, 0", "16, 0", "17, -0.5", "18, -1", "20, -2", "21, -2"})
  void overlong(int tokens, double penalty) {
    assertThat(new OverlongPenalty(20, 4, 2).of(tokens)).isEqualTo(penalty);
    assertThat(new OverlongPenalty(20, 0, 2).of(tokens)).isEqualTo(tokens > 20 ? -2 : 0);
    assertThat(OverlongPenalty.NONE.of(tokens)).isZero();
  }

  @Test
  void overlongRefusesABufferBeyondTheLength() {
    assertThatThrownBy(() -> new OverlongPenalty(20, 21, 1))
        .hasMessage("rl: the buffer before the maximum length must be in [0, 20] tokens, got 21");
  }

  @Test
  void scalingIsByTheDeviationOfTheWholeRun() {
    ScoreScaling scaling = new ScoreScaling();
    double[] first = {1, 3};
    assertThat(scaling.of(first, Distribution.ofSequences(first)))
        .containsExactly(1 / Math.sqrt(2), 3 / Math.sqrt(2));
    ScoreScaling resumed = new ScoreScaling();
    resumed.resume(Distribution.ofNumbers(scaling.seen().numbers(), 0));
    double[] second = {5, 7, 9};
    double[] scaled = scaling.of(second, Distribution.ofSequences(second));
    // 1, 3, 5, 7, 9 have the sample variance 10.
    assertThat(scaled[2]).isCloseTo(9 / Math.sqrt(10), within(1e-15));
    assertThat(resumed.of(second, Distribution.ofSequences(second))).isEqualTo(scaled);
  }

  @Test
  void equalScoresAreNotScaled() {
    double[] scores = {0.3, 0.3};
    assertThat(new ScoreScaling().of(scores, Distribution.ofSequences(scores))).isEqualTo(scores);
  }

  @Test
  void normalizationIsByTheFirstScoresOfTheRun() {
    ScoreNormalization normalization = new ScoreNormalization();
    double[] first = {1, 3};
    double unit = 1 / Math.sqrt(2);
    assertThat(normalization.of(first, Distribution.ofSequences(first)))
        .containsExactly(-unit, unit);
    ScoreNormalization resumed = new ScoreNormalization();
    resumed.resume(Distribution.ofNumbers(normalization.first().numbers(), 0));
    double[] second = {2, 5, 7};
    for (ScoreNormalization each : List.of(normalization, resumed)) {
      assertThat(each.of(second, Distribution.ofSequences(second)))
          .containsExactly(new double[] {0, 3 * unit, 5 * unit}, within(1e-15));
    }
    double[] equal = {0.5, 0.5};
    assertThat(new ScoreNormalization().of(equal, Distribution.ofSequences(equal)))
        .containsExactly(0, 0);
  }

  @Test
  void adaptiveCoefficient() {
    KlController controller = KlController.adaptive(0.15, 6, 10000);
    controller.update(6, 512);
    assertThat(controller.coefficient()).isEqualTo(0.15);
    controller.update(6.6, 512); // 10 % above
    assertThat(controller.coefficient()).isCloseTo(0.15 * 1.00512, within(1e-15));
    controller.update(60, 512); // limited to 20 %
    assertThat(controller.coefficient()).isCloseTo(0.15 * 1.00512 * 1.01024, within(1e-15));
    KlController resumed = KlController.adaptive(0.15, 6, 10000);
    resumed.resume(controller.coefficient());
    controller.update(-3, 512); // limited below, too
    resumed.update(-3, 512);
    assertThat(controller.coefficient())
        .isCloseTo(0.15 * 1.00512 * 1.01024 * 0.98976, within(1e-15))
        .isEqualTo(resumed.coefficient());
  }

  @Test
  void fixedCoefficientStays() {
    KlController controller = KlController.fixed(0);
    controller.update(100, 512);
    controller.resume(0.7);
    assertThat(controller.coefficient()).isZero();
  }

  @Test
  void controllersRefuseBadNumbers() {
    assertThatThrownBy(() -> KlController.adaptive(0, 6, 10000))
        .hasMessage("rl: the initial KL coefficient must be positive and finite, got 0.0");
    assertThatThrownBy(() -> KlController.adaptive(0.1, 6, 0))
        .hasMessage("rl: the horizon of the KL coefficient must be positive and finite, got 0.0");
    assertThatThrownBy(() -> KlController.fixed(0.1).update(Double.NaN, 1))
        .hasMessage("rl: the KL of a batch must be finite, got NaN");
  }
}
