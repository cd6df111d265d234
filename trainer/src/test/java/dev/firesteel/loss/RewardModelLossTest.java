package dev.firesteel.loss;

import static dev.firesteel.loss.LossCheck.measure;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import java.util.Arrays;
import org.assertj.core.data.Offset;
import org.junit.jupiter.api.Test;

class RewardModelLossTest {
  private static final Offset<Double> GOLDEN = within(1e-8);
  private static final double[] REWARDS = {1.3, 0.4, -0.2};

  private static AnswerPairs pair(double margin) {
    return AnswerPairs.builder().add(0, 1, 1, margin).build();
  }

  /** {@code -ln(1 / (1 + e^-0.9))} and so on, by hand. */
  @Test
  void goldens() {
    RewardModelLoss plain = new RewardModelLoss(0);
    assertThat(plain.of(REWARDS, pair(0), 1).loss()).isCloseTo(0.34115387, GOLDEN);
    assertThat(plain.of(REWARDS, pair(0.5), 1).loss()).isCloseTo(0.5130152524, GOLDEN);
    assertThat(new RewardModelLoss(0.01).of(REWARDS, pair(0), 1).loss())
        .isCloseTo(0.37005387473, GOLDEN);
    AnswerPairs ranking = AnswerPairs.builder().addRanking(1, 0, 1, 2).build();
    assertThat(ranking.weight()).isCloseTo(1, GOLDEN);
    assertThat(plain.of(REWARDS, ranking, 1).loss()).isCloseTo(0.3266850344, GOLDEN);
    assertThat(
            plain.of(new double[] {1e4, -1e4}, AnswerPairs.builder().add(1, 0).build(), 1).loss())
        .isEqualTo(2e4);
  }

  @Test
  void gradientsAreThoseOfCentralDifferences() {
    AnswerPairs pairs =
        AnswerPairs.builder()
            .addRanking(1, 3, 0, 2, 1)
            .add(4, 5, 0.5, 0.7)
            .add(5, 1, 2, -0.1)
            .build();
    LossCheck.gradient(
        LossCheck.normal("rewards", 2, 6),
        rewards -> new RewardModelLoss(0.02).of(rewards, pairs, 3));
  }

  @Test
  void measuresAreThoseOfPairs() {
    double[] rewards = {2, 1, -1, 3, 0.5, 0.5};
    AnswerPairs pairs = AnswerPairs.builder().add(0, 1).add(2, 3).add(4, 5).build();
    HostLoss loss = new RewardModelLoss(0).of(rewards, pairs, 3);
    // Of a tie no answer is better.
    assertThat(measure(loss, LossMetrics.ACCURACY)).isCloseTo(1.0 / 3, GOLDEN);
    assertThat(measure(loss, LossMetrics.MARGIN)).isCloseTo(-1, GOLDEN);
    assertThat(measure(loss, LossMetrics.MEAN_REWARD)).isCloseTo(1, GOLDEN);
    assertThat(measure(loss, LossMetrics.MIN_REWARD)).isEqualTo(-1);
    assertThat(measure(loss, LossMetrics.MAX_REWARD)).isEqualTo(3);
  }

  /** Two micro-batches and one: the same gradients to the bit, losses and measures to rounding. */
  @Test
  void partsAddUpToTheWhole() {
    double[] rewards = LossCheck.normal("rewards", 1, 7);
    RewardModelLoss loss = new RewardModelLoss(0.01);
    AnswerPairs first = AnswerPairs.builder().addRanking(1, 2, 0, 1).build();
    AnswerPairs second = AnswerPairs.builder().addRanking(1, 0, 3, 1, 2).build();
    AnswerPairs all =
        AnswerPairs.builder().addRanking(1, 2, 0, 1).addRanking(1, 3, 6, 4, 5).build();
    HostLoss whole = loss.of(rewards, all, 2);
    HostLoss left = loss.of(Arrays.copyOfRange(rewards, 0, 3), first, 2);
    HostLoss right = loss.of(Arrays.copyOfRange(rewards, 3, 7), second, 2);
    assertThat(left.loss() + right.loss()).isCloseTo(whole.loss(), within(1e-15));
    for (int i = 0; i < 7; i++) {
      assertThat(whole.gradient()[i])
          .isEqualTo(i < 3 ? left.gradient()[i] : right.gradient()[i - 3]);
    }
    assertThat(left.measures().plus(right.measures()).values())
        .containsExactly(whole.measures().values(), within(1e-15));
    assertThat(left.measures().plus(right.measures().values()).values())
        .containsExactly(whole.measures().values(), within(1e-15));
  }

  @Test
  void nothingIsNoError() {
    HostLoss none = new RewardModelLoss(0).of(new double[2], AnswerPairs.builder().build(), 4);
    assertThat(none.loss()).isZero();
    assertThat(none.gradient()).containsExactly(0, 0);
    assertThat(measure(none, LossMetrics.MIN_REWARD)).isNaN();
  }

  @Test
  void refusesBadArguments() {
    assertThatThrownBy(() -> new RewardModelLoss(-1))
        .hasMessage("loss: the centering coefficient must be finite and not negative, got -1.0");
    assertThatThrownBy(() -> new RewardModelLoss(0).of(REWARDS, pair(0), 0))
        .hasMessage("loss: the denominator must be positive and finite, got 0.0");
    assertThatThrownBy(() -> new RewardModelLoss(0).of(new double[1], pair(0), 1))
        .hasMessage("loss: pairs must name answers below 1, got 0 and 1");
    assertThatThrownBy(() -> AnswerPairs.builder().add(2, 2))
        .hasMessage("loss: a pair must be of two different answers, got 2 and 2");
    assertThatThrownBy(() -> AnswerPairs.builder().add(0, 1, 1, Double.NaN))
        .hasMessage("loss: a margin must be finite, got NaN");
    assertThatThrownBy(() -> AnswerPairs.builder().addRanking(1, 2))
        .hasMessage("loss: a ranking must have at least two answers, got 1");
  }
}
