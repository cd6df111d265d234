package dev.firesteel.loss;

import static dev.firesteel.loss.LossCheck.measure;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import java.util.Arrays;
import org.assertj.core.data.Offset;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.EnumSource;

/** The losses of reinforcement learning on tokens. */
class PolicyLossTest {
  private static final Offset<Double> GOLDEN = within(1e-6);
  private static final double[] ONE = {1};

  /** Of one token at clip 0.2 below, 0.28 above and dual clip 3; formulas by hand. */
  @ParameterizedTest
  @CsvSource({
    "0, 1, -1",
    "0.1, 1.5, -1.6577563771134716",
    "0.5, 2, -2.56", // clipped high
    "-0.5, 2, -1.2130613194252668", // a good token that became unlikely is not clipped
    "-0.5, -1, 0.8", // clipped low
    "0.5, -1, 1.6487212707001282", // a bad token that became likely is not clipped
    "1.5, -1, 3", // dual clip
    "30, -2, 6",
    "30, 2, -2.56",
    "-30, 1, -2.061153622438558e-9",
  })
  void goldens(double difference, double advantage, double expected) {
    HostLoss loss =
        new PolicyLoss(0.2, 0.28, 3)
            .of(
                new double[] {difference - 2},
                new double[] {-2},
                new double[] {advantage},
                ONE,
                1,
                1);
    assertThat(loss.loss()).isCloseTo(expected, within(1e-12));
  }

  /** Of inner points of each piece: at its ends the loss has no derivative. */
  @Test
  void gradientsAreThoseOfCentralDifferences() {
    double[] differences = {0, 0.1, 0.5, -0.5, -0.5, 0.5, 1.5, 30, 30, -30, -30, 0.01, 0.3};
    double[] advantages = {1, 1.5, 2, 2, -1, -1, -1, -2, 2, 1, -1, 0, -3};
    double[] old = LossCheck.normal("old", 2, 13);
    double[] logProbs = new double[13];
    for (int i = 0; i < 13; i++) {
      logProbs[i] = old[i] + differences[i];
    }
    double[] weights = {1, 1, 0.5, 1, 1, 1, 1, 1, 1, 1, 1, 1, 0};
    PolicyLoss dual = new PolicyLoss(0.2, 0.28, 3);
    LossCheck.gradient(logProbs, at -> dual.of(at, old, advantages, weights, 11.5, 12));
    PolicyLoss plain = PolicyLoss.clipped(0.2);
    // Without a dual clip this token's loss of 2 e^20 would hide the others' differences.
    weights[7] = 0;
    LossCheck.gradient(logProbs, at -> plain.of(at, old, advantages, weights, 10.5, 11));
    HostLoss outlier = plain.of(new double[] {30}, new double[1], new double[] {-2}, ONE, 1, 1);
    assertThat(outlier.loss()).isCloseTo(2 * Math.exp(20), within(1e-3));
    assertThat(outlier.gradient()).containsExactly(0);
  }

  /** Ratio 1: the gradient is that of REINFORCE, nothing is clipped. */
  @Test
  void firstUpdateIsThePolicyGradient() {
    double[] logProbs = LossCheck.normal("policy", 2, 5);
    double[] advantages = LossCheck.normal("advantages", 1, 5);
    double[] weights = {1, 1, 0, 1, 1};
    HostLoss loss = PolicyLoss.clipped(0.2).of(logProbs, logProbs, advantages, weights, 4, 4);
    for (int i = 0; i < 5; i++) {
      assertThat(loss.gradient()[i]).isEqualTo(i == 2 ? 0 : -advantages[i] / 4);
    }
    assertThat(measure(loss, LossMetrics.RATIO)).isEqualTo(1);
    assertThat(measure(loss, LossMetrics.RATIO_MIN)).isEqualTo(1);
    assertThat(measure(loss, LossMetrics.RATIO_MAX)).isEqualTo(1);
    assertThat(measure(loss, LossMetrics.RATIO_VARIANCE)).isZero();
    assertThat(measure(loss, LossMetrics.APPROX_KL)).isZero();
    assertThat(measure(loss, LossMetrics.CLIP_FRACTION)).isZero();
  }

  @Test
  void measuresCountClippedTokens() {
    HostLoss loss =
        new PolicyLoss(0.2, 0.28, 3)
            .of(
                new double[] {0.5, -0.5, 1.5, 0.1, 9},
                new double[5],
                new double[] {1, -1, -1, 1, 1},
                new double[] {1, 1, 1, 1, 0},
                4,
                4);
    assertThat(measure(loss, LossMetrics.CLIP_FRACTION_HIGH)).isEqualTo(0.25);
    assertThat(measure(loss, LossMetrics.CLIP_FRACTION_LOW)).isEqualTo(0.25);
    assertThat(measure(loss, LossMetrics.CLIP_FRACTION)).isEqualTo(0.5);
    assertThat(measure(loss, LossMetrics.DUAL_CLIP_FRACTION)).isEqualTo(0.25);
    assertThat(measure(loss, LossMetrics.APPROX_KL))
        .isCloseTo((0.25 + 0.25 + 2.25 + 0.01) / 8, GOLDEN);
    assertThat(measure(loss, LossMetrics.RATIO_MAX)).isCloseTo(Math.exp(1.5), GOLDEN);
    assertThat(measure(loss, LossMetrics.LOSS_POLICY)).isEqualTo(loss.loss());
  }

  /** Whichever mean the loss is: its weights are not those of the measures. */
  @Test
  void measuresAreMeansOverTokens() {
    double[] logProbs = {Math.log(1.1), Math.log(0.9), Math.log(1.6), Math.log(0.5)};
    double[] weights = {0.25, 0.25, 0.5, 0};
    HostLoss loss =
        PolicyLoss.clipped(0.2)
            .of(logProbs, new double[4], new double[] {1, 1, 1, 1}, weights, 9, 3);
    assertThat(measure(loss, LossMetrics.RATIO)).isCloseTo(1.2, GOLDEN);
    assertThat(measure(loss, LossMetrics.RATIO_VARIANCE))
        .isCloseTo((0.01 + 0.01 + 0.36) / 3, GOLDEN);
    assertThat(measure(loss, LossMetrics.CLIP_FRACTION)).isCloseTo(1 / 3.0, GOLDEN);
    assertThat(measure(loss, LossMetrics.LOSS_POLICY))
        .isCloseTo(-(0.25 * 1.1 + 0.25 * 0.9 + 0.5 * 1.2) / 9, GOLDEN);
    HostLoss penalty =
        new KlPenalty(KlEstimator.K1, 0.5).of(logProbs, new double[4], weights, 9, 3);
    assertThat(measure(penalty, LossMetrics.KL)).isCloseTo(Math.log(1.1 * 0.9 * 1.6) / 3, GOLDEN);
    HostLoss bonus = new EntropyBonus(0).of(new double[] {1, 2, 6, 9}, weights, 9, 3);
    assertThat(measure(bonus, LossMetrics.ENTROPY)).isEqualTo(3);
  }

  /** Every loss on tokens: each micro-batch's gradients are those of the whole, to the bit. */
  @Test
  void partsAddUpToTheWhole() {
    double[] policy = LossCheck.normal("policy", 1, 9);
    double[] old = LossCheck.normal("old", 1, 9);
    double[] other = LossCheck.normal("other", 1, 9);
    double[] weights = {1, 0, 1, 0.5, 1, 1, 0, 0.25, 1};
    interface OnTokens {
      HostLoss of(double[] a, double[] b, double[] c, double[] weights);
    }

    OnTokens[] losses = {
      (a, b, c, w) -> new PolicyLoss(0.1, 0.2, 2).of(a, b, c, w, 6, 7),
      (a, b, c, w) -> new ValueLoss(0.2, 0.1).of(a, b, c, w, 6),
      (a, b, c, w) -> new KlPenalty(KlEstimator.K3, 0.1).of(a, b, w, 6, 7),
      (a, b, c, w) -> new EntropyBonus(0.01).of(a, w, 6, 7),
      (a, b, c, w) ->
          PolicyLoss.clipped(0.2)
              .of(a, b, c, w, 6, 7)
              .plus(new KlPenalty(KlEstimator.K2, 0.1).of(a, b, w, 6, 7)),
    };
    for (OnTokens loss : losses) {
      HostLoss whole = loss.of(policy, old, other, weights);
      for (int cut : new int[] {0, 1, 4, 9}) {
        HostLoss[] parts = new HostLoss[2];
        for (int part = 0; part < 2; part++) {
          int from = part == 0 ? 0 : cut;
          int to = part == 0 ? cut : 9;
          parts[part] =
              loss.of(
                  Arrays.copyOfRange(policy, from, to),
                  Arrays.copyOfRange(old, from, to),
                  Arrays.copyOfRange(other, from, to),
                  Arrays.copyOfRange(weights, from, to));
          assertThat(parts[part].gradient())
              .isEqualTo(Arrays.copyOfRange(whole.gradient(), from, to));
        }
        assertThat(parts[0].loss() + parts[1].loss()).isCloseTo(whole.loss(), within(1e-14));
        assertThat(parts[0].measures().plus(parts[1].measures()).values())
            .containsExactly(whole.measures().values(), within(1e-14));
      }
    }
  }

  // ---- values

  @ParameterizedTest
  @CsvSource({
    "1, 0.5, 2, 0.845", // clipped
    "1, 0.5, 0, 0.5",
    "0.6, 0.5, 2, 0.98",
    "0.1, 0.5, 0.9, 0.32",
  })
  void valueGoldens(double value, double old, double target, double expected) {
    HostLoss loss =
        new ValueLoss(0.2, 0.1)
            .of(new double[] {value}, new double[] {old}, new double[] {target}, ONE, 1);
    assertThat(loss.loss()).isCloseTo(0.1 * expected, GOLDEN);
    assertThat(measure(loss, LossMetrics.LOSS_VALUE)).isCloseTo(expected, GOLDEN);
    assertThat(measure(loss, LossMetrics.VALUE_CLIP_FRACTION))
        .isEqualTo(value == 1 && target == 2 ? 1 : 0);
  }

  @Test
  void valueGradientsAreThoseOfCentralDifferences() {
    double[] old = LossCheck.normal("old values", 1, 9);
    double[] returns = LossCheck.normal("returns", 1, 9);
    double[] weights = {1, 0, 1, 1, 1, 1, 0.5, 1, 1};
    for (double clip : new double[] {0.2, 0.5, Double.POSITIVE_INFINITY}) {
      ValueLoss loss = new ValueLoss(clip, 0.3);
      LossCheck.gradient(
          LossCheck.normal("values", 1, 9), values -> loss.of(values, old, returns, weights, 8));
    }
  }

  @Test
  void explainedVarianceIsOneForPerfectValues() {
    double[] returns = {1, 3, 5, 100};
    double[] weights = {1, 1, 1, 0};
    assertThat(ValueLoss.explainedVariance(new double[] {2, 4, 6, 0}, returns, weights))
        .isEqualTo(1);
    assertThat(ValueLoss.explainedVariance(new double[4], returns, weights)).isZero();
    assertThat(ValueLoss.explainedVariance(new double[2], new double[] {2, 2}, new double[] {1, 1}))
        .isNaN();
  }

  // ---- KL and entropy

  @Test
  void klGoldens() {
    double[] logProbs = {-1, -2, -0.5};
    double[] reference = {-1.2, -1.5, -0.9};
    double[][] expected = {
      {0.2, -0.5, 0.4}, {0.02, 0.125, 0.08}, {0.018730753, 0.148721271, 0.070320046}
    };
    KlEstimator[] estimators = {KlEstimator.K1, KlEstimator.K2, KlEstimator.K3};
    for (int k = 0; k < estimators.length; k++) {
      KlEstimator estimator = estimators[k];
      double sum = 0;
      for (int i = 0; i < 3; i++) {
        double value = estimator.value(logProbs[i], reference[i]);
        assertThat(value).isCloseTo(expected[k][i], within(1e-9));
        sum += value;
      }
      HostLoss penalty =
          new KlPenalty(estimator, 0.5).of(logProbs, reference, new double[] {1, 1, 1}, 3, 3);
      assertThat(penalty.loss()).isCloseTo(0.5 * sum / 3, within(1e-12));
      assertThat(measure(penalty, LossMetrics.KL)).isCloseTo(sum / 3, within(1e-12));
    }
  }

  @ParameterizedTest
  @EnumSource(KlEstimator.class)
  void klGradientsAreThoseOfCentralDifferences(KlEstimator estimator) {
    double[] reference = LossCheck.normal("reference", 1, 6);
    double[] logProbs = LossCheck.normal("policy", 1, 6);
    logProbs[0] = reference[0] + 11; // beyond the limit: the same for any greater difference
    logProbs[1] = reference[1] - 11;
    assertThat(estimator.value(11, 0)).isEqualTo(estimator.value(10, 0)).isFinite();
    double[] weights = {1, 1, 1, 0, 2, 1};
    LossCheck.gradient(
        logProbs, at -> new KlPenalty(estimator, 0.2).of(at, reference, weights, 5, 5));
  }

  @Test
  void entropyBonusRewardsEntropy() {
    double[] weights = {1, 0, 1};
    HostLoss bonus = new EntropyBonus(0.1).of(new double[] {2, 9, 1}, weights, 4, 2);
    assertThat(bonus.loss()).isCloseTo(-0.075, within(1e-15));
    assertThat(bonus.gradient()).containsExactly(-0.025, 0, -0.025);
    assertThat(measure(bonus, LossMetrics.ENTROPY)).isEqualTo(1.5);
  }

  /** A masked token may hold anything. */
  @Test
  void masksAreStrict() {
    double[] bad = {Double.NaN, -1};
    double[] fine = {-1, -1};
    double[] weights = {0, 1};
    for (HostLoss loss :
        new HostLoss[] {
          PolicyLoss.clipped(0.2).of(bad, fine, fine, weights, 1, 1),
          new ValueLoss(0.2, 1).of(bad, fine, fine, weights, 1),
          new KlPenalty(KlEstimator.K1, 1).of(bad, fine, weights, 1, 1),
          new EntropyBonus(1).of(bad, weights, 1, 1)
        }) {
      assertThat(loss.loss()).isFinite();
      assertThat(loss.gradient()[0]).isZero();
    }
  }

  @Test
  void refusesBadArguments() {
    assertThatThrownBy(() -> new PolicyLoss(1.5, 0.2, 3))
        .hasMessage(
            "loss: the clip range must be [0, 1] below and not negative above, got 1.5 and 0.2");
    assertThatThrownBy(() -> new PolicyLoss(0.2, 0.2, 1))
        .hasMessage("loss: the dual clip must be greater than 1, got 1.0");
    assertThatThrownBy(() -> new ValueLoss(-0.1, 1))
        .hasMessage("loss: the clip range of values must not be negative, got -0.1");
    assertThatThrownBy(() -> PolicyLoss.clipped(0.2).of(ONE, ONE, new double[2], ONE, 1, 1))
        .hasMessage("loss: the advantages must have 1 elements, got 2");
    HostLoss one = new EntropyBonus(1).of(ONE, ONE, 1, 1);
    HostLoss two = new EntropyBonus(1).of(new double[2], new double[2], 1, 1);
    assertThatThrownBy(() -> one.plus(two))
        .hasMessage("loss: the other loss's gradient must have 1 elements, got 2");
    assertThatThrownBy(() -> one.measures().plus(LossMeasures.none()))
        .hasMessageStartingWith("loss: parts of a batch must have the same measures, got ");
  }
}
