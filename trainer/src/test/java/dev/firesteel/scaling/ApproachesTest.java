package dev.firesteel.scaling;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import dev.firesteel.scaling.IsoFlopBudget.Shape;
import dev.firesteel.scaling.RefusedException.Reason;
import java.util.ArrayList;
import java.util.List;
import org.assertj.core.data.Percentage;
import org.junit.jupiter.api.Test;

/** Approaches 1 and 2, Kaplan's laws, learning rates, batches, allocations. */
class ApproachesTest {
  /** research/llm.md, section 3: the exponent is exact, the coefficient is not. */
  @Test
  void parabolasFindTheExponentAndMissTheOptimumByTheirKnownBias() throws RefusedException {
    double[] widths = {2, 4, 8, 16};
    double[] biases = {0.0033, 0.013, 0.030, 0.054};
    for (int i = 0; i < widths.length; i++) {
      RunTable table = Runs.isoFlop(Runs.LAW, widths[i]);
      IsoFlopFit fit = IsoFlopFit.fit(table);
      assertThat(fit.budgets()).hasSize(5).allMatch(one -> one.shape() == Shape.INTERIOR);
      assertThat(fit.interpolated()).isFalse();
      assertThat(fit.parameters().exponent()).isCloseTo(.451613, within(1e-6));
      assertThat(fit.parameters().exponent() + fit.tokens().exponent()).isCloseTo(1, within(1e-9));
      double bias = fit.parameters().at(1e19) / Runs.LAW.optimum(1e19).parameters() - 1;
      assertThat(bias).as("sizes up to %s times", widths[i]).isCloseTo(biases[i], within(6e-4));
      assertThat(fit.parabolaBias(table, Runs.LAW)).isCloseTo(bias, within(1e-6));
    }
  }

  @Test
  void budgetsWhoseMinimumIsNotAmongTheSizesAreRefused() {
    List<ScalingRun> runs = new ArrayList<>();
    for (double flops : new double[] {1e18, 1e19, 1e20}) {
      for (int i = 0; i < 6; i++) {
        double parameters = Runs.LAW.optimum(flops).parameters() * Math.pow(1.5, i + 1);
        double tokens = flops / (6 * parameters);
        runs.add(ScalingRun.of(1, parameters, tokens, Runs.LAW.loss(parameters, tokens)));
      }
    }
    assertThatThrownBy(() -> IsoFlopFit.fit(new RunTable("x", RunTable.Derived.FLOPS, runs)))
        .isInstanceOfSatisfying(
            RefusedException.class,
            refusal -> assertThat(refusal.reason()).isEqualTo(Reason.NO_INTERIOR_MINIMUM))
        .hasMessageContaining("got 0 of 3: add smaller or larger models");
    assertThatThrownBy(
            () -> IsoFlopFit.fit(new RunTable("x", RunTable.Derived.FLOPS, runs.subList(0, 6))))
        .isInstanceOfSatisfying(
            RefusedException.class,
            refusal -> assertThat(refusal.reason()).isEqualTo(Reason.TOO_FEW_BUDGETS))
        .hasMessageContaining("needs at least 3 compute budgets");
  }

  @Test
  void theEnvelopeOfManySizesHasTheExponentOfTheLaw() throws RefusedException {
    List<ScalingRun> runs = new ArrayList<>();
    for (int size = 0; size < 40; size++) {
      for (int length = 0; length < 12; length++) {
        double parameters = 1e7 * Math.pow(1.2, size);
        double tokens = parameters * Math.pow(2, length);
        runs.add(ScalingRun.of(1, parameters, tokens, Runs.LAW.loss(parameters, tokens)));
      }
    }
    RunTable table = new RunTable("x", RunTable.Derived.FLOPS, runs);
    EnvelopeFit fit = EnvelopeFit.fit(table);
    assertThat(fit.parameters().exponent()).isCloseTo(Runs.LAW.parameterExponent(), within(0.02));
    assertThat(fit.points()).hasSizeGreaterThan(1400);
    assertThatThrownBy(() -> EnvelopeFit.fit(Runs.isoFlop(Runs.LAW, 4)))
        .isInstanceOfSatisfying(
            RefusedException.class,
            refusal -> assertThat(refusal.reason()).isEqualTo(Reason.TOO_FEW_HORIZONS));
  }

  @Test
  void kaplansJointLawIsRecovered() throws RefusedException {
    KaplanLaw law = new KaplanLaw(6.4e13, 1.8e13, .076, .103);
    List<ScalingRun> runs = new ArrayList<>();
    for (int size = 0; size < 8; size++) {
      for (int length = 0; length < 6; length++) {
        double parameters = 1e6 * Math.pow(4, size);
        double tokens = 1e8 * Math.pow(5, length);
        runs.add(ScalingRun.of(1, parameters, tokens, law.loss(parameters, tokens)));
      }
    }
    KaplanFit fit = KaplanFit.fit(new RunTable("x", RunTable.Derived.FLOPS, runs));
    Percentage close = Percentage.withPercentage(0.01);
    assertThat(fit.joint().alphaN()).isCloseTo(law.alphaN(), close);
    assertThat(fit.joint().alphaD()).isCloseTo(law.alphaD(), close);
    assertThat(fit.joint().criticalParameters())
        .isCloseTo(law.criticalParameters(), Percentage.withPercentage(1));
    assertThat(fit.joint().criticalTokens())
        .isCloseTo(law.criticalTokens(), Percentage.withPercentage(1));
    assertThat(fit.ofFlops().exponent()).isNegative();
  }

  @Test
  void learningRatesAndBatchesFollowStepLaw() throws RefusedException {
    List<ScalingRun> runs = new ArrayList<>();
    for (double parameters : new double[] {6e7, 2e8, 1e9}) {
      for (double tokens : new double[] {1e9, 4e9, 2e10}) {
        double rate = 1.797 * Math.pow(parameters, -.713) * Math.pow(tokens, .307);
        double batch = .581 * Math.pow(tokens, .571);
        for (int i = -2; i <= 2; i++) {
          for (int j = -2; j <= 2; j++) {
            runs.add(
                new ScalingRun(
                    1,
                    parameters,
                    tokens,
                    6 * parameters * tokens,
                    2 + 0.01 * (i * i + j * j),
                    rate * Math.pow(2, i),
                    batch * Math.pow(2, j),
                    Double.NaN,
                    Double.NaN));
          }
        }
      }
    }
    HyperparameterFit fit = HyperparameterFit.fit(new RunTable("x", RunTable.Derived.FLOPS, runs));
    assertThat(fit.cells()).isEqualTo(9);
    assertThat(fit.rateOfParameters()).isCloseTo(-.713, within(1e-9));
    assertThat(fit.rateOfTokens()).isCloseTo(.307, within(1e-9));
    assertThat(fit.rateCoefficient()).isCloseTo(1.797, within(1e-6));
    assertThat(fit.batchTokens().exponent()).isCloseTo(.571, within(1e-9));
    assertThat(fit.batchTokens().coefficient()).isCloseTo(.581, within(1e-6));
    assertThat(fit.learningRate(1e9, 2e10))
        .isCloseTo(1.797 * Math.pow(1e9, -.713) * Math.pow(2e10, .307), within(1e-9));

    // One rate a cell: nothing shows that it is the best one.
    List<ScalingRun> untuned = runs.stream().filter(run -> run.loss() == 2).toList();
    assertThatThrownBy(
            () -> HyperparameterFit.fit(new RunTable("x", RunTable.Derived.FLOPS, untuned)))
        .isInstanceOfSatisfying(
            RefusedException.class,
            refusal -> assertThat(refusal.reason()).isEqualTo(Reason.NO_INTERIOR_MINIMUM))
        .hasMessageContaining("got 0 and 9 without: train each pair at several rates");
    assertThatThrownBy(() -> HyperparameterFit.fit(Runs.grid(Runs.LAW)))
        .isInstanceOfSatisfying(
            RefusedException.class,
            refusal -> assertThat(refusal.reason()).isEqualTo(Reason.NO_COLUMN));
  }

  @Test
  void theCriticalBatchIsWhereStepsAreTwiceTheLeast() throws RefusedException {
    List<ScalingRun> runs = new ArrayList<>();
    for (double batch = 1e4; batch < 1e7; batch *= 2) {
      double steps = 2000 + 1e9 / batch;
      runs.add(
          new ScalingRun(1, 1e8, steps * batch, 1e18, 3, Double.NaN, batch, steps, Double.NaN));
      assertThat((steps / 2000 - 1) * (steps * batch / 1e9 - 1)).isCloseTo(1, within(1e-9));
    }
    CriticalBatch fit = CriticalBatch.fit(new RunTable("x", RunTable.Derived.NONE, runs));
    assertThat(fit.leastSteps()).isCloseTo(2000, Percentage.withPercentage(1e-6));
    assertThat(fit.leastTokens()).isCloseTo(1e9, Percentage.withPercentage(1e-6));
    assertThat(fit.steps(fit.tokens())).isCloseTo(4000, within(1e-3));
  }

  @Test
  void theNoiseScaleFollowsFromTwoBatchSizes() {
    double squaredNorm = 0.04;
    double trace = 12;
    assertThat(
            CriticalBatch.noiseScale(32, squaredNorm + trace / 32, 512, squaredNorm + trace / 512))
        .isCloseTo(trace / squaredNorm, within(1e-6));
    assertThat(CriticalBatch.noiseScale(32, 1.0, 512, 0.01)).isNaN();
  }

  @Test
  void theOptimumIsTheLowestLossOfItsBudget() {
    ParametricLaw.Allocation best = Runs.LAW.optimum(1e20);
    assertThat(6 * best.parameters() * best.tokens())
        .isCloseTo(1e20, Percentage.withPercentage(1e-9));
    for (double factor : new double[] {0.9, 1.1}) {
      double parameters = best.parameters() * factor;
      assertThat(Runs.LAW.loss(parameters, 1e20 / 6 / parameters)).isGreaterThan(best.loss());
    }
    ParametricLaw.Range flat = Runs.LAW.within(1e20, 0.005);
    assertThat(flat.low()).isLessThan(best.parameters() / 1.5);
    assertThat(flat.high()).isGreaterThan(best.parameters() * 1.5);
    for (double end : new double[] {flat.low(), flat.high()}) {
      assertThat(Runs.LAW.loss(end, 1e20 / 6 / end)).isCloseTo(1.005 * best.loss(), within(1e-9));
    }
  }

  @Test
  void inferenceMakesASmallerModelTheCheapest() {
    InferenceAdvice none = InferenceAdvice.of(Runs.LAW, 1e21, 0);
    assertThat(none.advised().parameters())
        .isCloseTo(none.optimal().parameters(), Percentage.withPercentage(0.01));

    InferenceAdvice much = InferenceAdvice.of(Runs.LAW, 1e21, 1e13);
    assertThat(much.advised().parameters()).isLessThan(0.7 * much.optimal().parameters());
    assertThat(much.advised().loss()).isEqualTo(much.optimal().loss());
    assertThat(Runs.LAW.loss(much.advised().parameters(), much.advised().tokens()))
        .isCloseTo(much.optimal().loss(), within(1e-9));
    assertThat(much.advisedFlops()).isLessThan(0.9 * much.optimalFlops());
    for (double factor : new double[] {0.95, 1.05}) {
      double parameters = much.advised().parameters() * factor;
      double tokens = Runs.LAW.tokensFor(parameters, much.optimal().loss());
      assertThat(6 * parameters * tokens + 2 * parameters * 1e13)
          .isGreaterThan(much.advisedFlops());
    }
  }

  @Test
  void estimatesHaveTheQuantilesOfTheirResamples() {
    double[] resampled = new double[1001];
    for (int i = 0; i < resampled.length; i++) {
      resampled[i] = i;
    }
    Estimate estimate = Estimate.of(500, resampled);
    assertThat(estimate.low()).isCloseTo(25, within(1e-9));
    assertThat(estimate.high()).isCloseTo(975, within(1e-9));
    assertThat(estimate.standardError()).isCloseTo(289.1, within(0.1));
    assertThat(estimate.isApartFrom(new Estimate(0, 1, 976, 980))).isTrue();
    assertThat(estimate.isApartFrom(new Estimate(0, 1, 970, 980))).isFalse();
    assertThat(Estimate.of(1, new double[] {Double.NaN}).hasInterval()).isFalse();
  }
}
