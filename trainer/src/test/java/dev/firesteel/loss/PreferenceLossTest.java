package dev.firesteel.loss;

import static dev.firesteel.loss.LossCheck.measure;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import dev.firesteel.loss.PreferenceLoss.Kind;
import java.util.stream.Stream;
import org.assertj.core.data.Offset;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.MethodSource;

class PreferenceLossTest {
  private static final Offset<Double> GOLDEN = within(1e-8);

  static Stream<PreferenceLoss> losses() {
    return Stream.of(
        new PreferenceLoss(Kind.SIGMOID, 0.1, 0),
        new PreferenceLoss(Kind.SIGMOID, 0.3, 0.2),
        new PreferenceLoss(Kind.IPO, 0.2, 0),
        new PreferenceLoss(Kind.HINGE, 0.7, 0));
  }

  /** At beta 0.1; the difference h of log-ratios in four log-probabilities. Formulas by hand. */
  @ParameterizedTest
  @CsvSource({
    "SIGMOID, 0, 2, 0.59813887",
    "SIGMOID, 0.2, 2, 0.6381388694",
    "SIGMOID, 0, -3, 0.8543552445",
    "SIGMOID, 0.2, -3, 0.7943552445",
    "IPO, 0, 2, 9",
    "IPO, 0, -3, 64",
    "HINGE, 0, 2, 0.8",
    "HINGE, 0, -3, 1.3",
    "HINGE, 0, 11, 0",
  })
  void goldens(Kind kind, double smoothing, double h, double expected) {
    double[] logProbs = {-10 + h, -8};
    double[] reference = {-11, -9};
    assertThat(new PreferenceLoss(kind, 0.1, smoothing).of(logProbs, reference, 1).loss())
        .isCloseTo(expected, GOLDEN);
  }

  @ParameterizedTest
  @MethodSource("losses")
  void gradientsAreThoseOfCentralDifferences(PreferenceLoss loss) {
    double[] reference = LossCheck.normal("reference", 3, 10);
    LossCheck.gradient(
        LossCheck.normal("policy", 3, 10), logProbs -> loss.of(logProbs, reference, 7));
  }

  /** The policy is its own reference: the loss says nothing yet, its gradient does. */
  @Test
  void startsAtLogTwo() {
    double[] logProbs = LossCheck.normal("policy", 3, 4);
    HostLoss loss = new PreferenceLoss(Kind.SIGMOID, 0.1, 0).of(logProbs, logProbs, 2);
    assertThat(loss.loss()).isCloseTo(Math.log(2), GOLDEN);
    assertThat(loss.gradient()).containsExactly(-0.025, -0.025, 0.025, 0.025);
  }

  @Test
  void measuresAreTheImplicitRewards() {
    HostLoss loss =
        new PreferenceLoss(Kind.SIGMOID, 0.5, 0)
            .of(new double[] {-1, -2, -4, -3}, new double[] {-2, -2, -3, -5}, 2);
    assertThat(measure(loss, LossMetrics.REWARDS_CHOSEN)).isEqualTo(0.25);
    assertThat(measure(loss, LossMetrics.REWARDS_REJECTED)).isEqualTo(0.25);
    assertThat(measure(loss, LossMetrics.REWARDS_MARGINS)).isZero();
    assertThat(measure(loss, LossMetrics.REWARDS_ACCURACIES)).isEqualTo(0.5);
    assertThat(measure(loss, LossMetrics.LOGPS_CHOSEN)).isEqualTo(-1.5);
    assertThat(measure(loss, LossMetrics.LOGPS_REJECTED)).isEqualTo(-3.5);
  }

  @ParameterizedTest
  @MethodSource("losses")
  void partsAddUpToTheWhole(PreferenceLoss loss) {
    double[] policy = LossCheck.normal("policy", 3, 6);
    double[] reference = LossCheck.normal("reference", 3, 6);
    HostLoss whole = loss.of(policy, reference, 3);
    double sum = 0;
    LossMeasures measures = null;
    for (int i = 0; i < 3; i++) {
      HostLoss one =
          loss.of(
              new double[] {policy[i], policy[3 + i]},
              new double[] {reference[i], reference[3 + i]},
              3);
      sum += one.loss();
      measures = measures == null ? one.measures() : measures.plus(one.measures());
      assertThat(one.gradient()).containsExactly(whole.gradient()[i], whole.gradient()[3 + i]);
    }
    assertThat(sum).isCloseTo(whole.loss(), within(1e-13 * Math.max(1, whole.loss())));
    assertThat(measures.values()).containsExactly(whole.measures().values(), within(1e-13));
  }

  /** Through sums or, normalized by length, means of tokens' log-probabilities. */
  @Test
  void gradientsReachTheTokens() {
    int[] targets = {-1, 4, 2, -1, -1, -1, 7, -1, 3, 3, 3, 3};
    TokenGroups rows = TokenGroups.rows(targets, 3);
    double[] reference = LossCheck.normal("reference", 1, 4);
    PreferenceLoss loss = new PreferenceLoss(Kind.SIGMOID, 0.4, 0.1);
    double[] tokens = LossCheck.normal("tokens", 1, 12);
    LossCheck.gradient(
        tokens,
        logProbs -> {
          HostLoss one = loss.of(rows.sums(logProbs), reference, 2);
          return new HostLoss(one.loss(), rows.sumsGradient(one.gradient()), one.measures());
        });
    LossCheck.gradient(
        tokens,
        logProbs -> {
          HostLoss one = loss.of(rows.means(logProbs), reference, 2);
          return new HostLoss(one.loss(), rows.meansGradient(one.gradient()), one.measures());
        });
  }

  @Test
  void tokenGroupsCountTheirTokens() {
    TokenGroups groups = TokenGroups.of(new int[] {-1, 0, 0, 2, -1, 2, 2}, 3);
    double[] values = {100, 1, 2, 3, 100, 4, 5};
    assertThat(groups.sums(values)).containsExactly(3, 0, 12);
    assertThat(groups.means(values)).containsExactly(1.5, 0, 4);
    assertThat(groups.tokens()).isEqualTo(5);
    assertThat(groups.count()).isEqualTo(3);
    assertThat(groups.length(2)).isEqualTo(3);
    assertThat(groups.tokenWeights()).containsExactly(0, 1, 1, 1, 0, 1, 1);
    assertThat(groups.sequenceWeights()).containsExactly(0, 0.5, 0.5, 1.0 / 3, 0, 1.0 / 3, 1.0 / 3);
    assertThatThrownBy(() -> TokenGroups.of(new int[] {0, 3}, 3))
        .hasMessage("loss: sequences must be below 3, got 3");
    assertThatThrownBy(() -> TokenGroups.rows(new int[5], 3))
        .hasMessage("loss: targets must be rows of 3 tokens, got 5");
  }

  // ---- KTO

  @Test
  void ktoGoldens() {
    KtoLoss kto = new KtoLoss(0.1, 1, 1);
    // 1 - sigmoid(0.1 (2 - 0.5)), and 1 - sigmoid(0.1 (0.5 + 1)) of a bad answer
    HostLoss loss =
        kto.of(
            new double[] {-3, -6}, new double[] {-5, -5}, new boolean[] {true, false}, 0.5, 1, 1);
    assertThat(loss.loss()).isCloseTo(2 * 0.46257015, within(1e-7));
    assertThat(KtoLoss.referencePoint(new double[] {1, 4}, new double[] {0, 2})).isEqualTo(1.5);
    assertThat(KtoLoss.referencePoint(new double[] {-1, 0}, new double[] {0, 0})).isZero();
    assertThat(KtoLoss.referencePoint(new double[0], new double[0])).isZero();
  }

  @Test
  void ktoGradientsAreThoseOfCentralDifferences() {
    double[] reference = LossCheck.normal("reference", 3, 5);
    boolean[] good = {true, false, false, true, true};
    KtoLoss kto = new KtoLoss(0.3, 1.33, 0.8);
    LossCheck.gradient(
        LossCheck.normal("policy", 3, 5), logProbs -> kto.of(logProbs, reference, good, 0.4, 5, 3));
  }

  @Test
  void ktoReportsEachKindOfAnswer() {
    HostLoss loss =
        new KtoLoss(0.5, 1, 1)
            .of(
                new double[] {-1, -2, -4},
                new double[] {-2, -4, -3},
                new boolean[] {true, true, false},
                0,
                3,
                2);
    assertThat(measure(loss, LossMetrics.REWARDS_CHOSEN)).isEqualTo(0.75);
    assertThat(measure(loss, LossMetrics.REWARDS_REJECTED)).isEqualTo(-0.5);
    assertThat(measure(loss, LossMetrics.REWARDS_MARGINS)).isEqualTo(1.25);
    assertThat(measure(loss, LossMetrics.LOGPS_CHOSEN)).isEqualTo(-1.5);
    assertThat(measure(loss, LossMetrics.LOGPS_REJECTED)).isEqualTo(-4);
  }

  @Test
  void refusesBadArguments() {
    assertThatThrownBy(() -> new PreferenceLoss(Kind.SIGMOID, 0, 0))
        .hasMessage("loss: beta must be positive and finite, got 0.0");
    assertThatThrownBy(() -> new PreferenceLoss(Kind.SIGMOID, 1, 0.5))
        .hasMessage("loss: label smoothing must be at least 0 and below 0.5, got 0.5");
    assertThatThrownBy(() -> new PreferenceLoss(Kind.IPO, 1, 0.1))
        .hasMessage("loss: label smoothing requires the loss SIGMOID, got IPO");
    PreferenceLoss loss = new PreferenceLoss(Kind.SIGMOID, 1, 0);
    assertThatThrownBy(() -> loss.of(new double[3], new double[3], 1))
        .hasMessage(
            "loss: log-probabilities must be of as many chosen as rejected answers, got 3 in all");
    assertThatThrownBy(() -> loss.of(new double[4], new double[3], 1))
        .hasMessage("loss: the reference's log-probabilities must have 4 elements, got 3");
    assertThatThrownBy(
            () -> new KtoLoss(1, 1, 1).of(new double[2], new double[2], new boolean[1], 0, 2, 1))
        .hasMessage("loss: there must be a label for each of 2 answers, got 1");
  }
}
