package dev.firesteel.rl;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import dev.firesteel.collective.ThreadCollective;
import dev.firesteel.loss.TokenGroups;
import dev.firesteel.metrics.Measure;
import dev.firesteel.metrics.Measures;
import dev.firesteel.random.RandomStream;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.function.BiFunction;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Numbers of the whole batch: whitening, golden vectors, measures, and what ranks change: none. */
class DistributionTest {
  private static final int ROW = 9;
  private static final int ROWS = 24;

  /** Ragged rows of prompt, actions and padding, whose numbers are NaN outside actions. */
  private static final class Batch {
    final TokenGroups tokens;
    final double[] x;
    final double[] y;
    final double[] ofRows;
    final boolean[] ended;

    Batch(int from, int to) {
      int[] targets = new int[(to - from) * ROW];
      x = new double[targets.length];
      y = new double[targets.length];
      ofRows = new double[to - from];
      ended = new boolean[to - from];
      for (int row = from; row < to; row++) {
        RandomStream random = RandomStream.of(5, "row", row);
        int prompt = 1 + random.nextInt(3);
        int length = row == 3 ? 0 : 1 + random.nextInt(5);
        for (int i = 0; i < ROW; i++) {
          int at = (row - from) * ROW + i;
          boolean action = i >= prompt && i < prompt + length;
          targets[at] = action ? 1 : -1;
          x[at] = action ? 100 + random.nextGaussian() : Double.NaN;
          y[at] = action ? random.nextGaussian() : Double.NaN;
        }
        ofRows[row - from] = random.nextGaussian();
        ended[row - from] = random.nextInt(3) > 0;
      }
      tokens = TokenGroups.rows(targets, ROW);
    }

    double[] actions(double[] values) {
      List<Double> actions = new ArrayList<>();
      for (int i = 0; i < values.length; i++) {
        if (tokens.sequence(i) >= 0) {
          actions.add(values[i]);
        }
      }
      return actions.stream().mapToDouble(Double::doubleValue).toArray();
    }

    RolloutMeasures measures() {
      double[] zeros = new double[x.length];
      return RolloutMeasures.none()
          .completions(tokens, ended)
          .objective(tokens.sumsGradient(ofRows), zeros, x, ofRows, tokens)
          .functions(List.of("one"), new double[][] {ofRows}, ofRows, ofRows.length)
          .advantages(x, tokens)
          .values(y, x, tokens)
          .groups(ofRows)
          .gold(ofRows);
    }
  }

  private static <T> List<T> onRanks(int ranks, BiFunction<ThreadCollective, Batch, T> work)
      throws Exception {
    ExecutorService threads = Executors.newFixedThreadPool(ranks);
    try {
      List<Future<T>> futures = new ArrayList<>();
      for (ThreadCollective rank : ThreadCollective.world(ranks)) {
        int rows = ROWS / ranks;
        Batch mine = new Batch(rank.rank() * rows, (rank.rank() + 1) * rows);
        futures.add(threads.submit(() -> work.apply(rank, mine)));
      }
      List<T> results = new ArrayList<>();
      for (Future<T> future : futures) {
        results.add(future.get());
      }
      return results;
    } finally {
      threads.shutdownNow();
    }
  }

  @ParameterizedTest
  @ValueSource(ints = {2, 4, 8})
  void whitenedNumbersHaveTheSameBitsOnAnyPowerOfTwoOfRanks(int ranks) throws Exception {
    Batch whole = new Batch(0, ROWS);
    double[] once = whitened(whole, Distribution.ofTokens(whole.x, whole.tokens));
    List<double[]> parts =
        onRanks(
            ranks,
            (rank, mine) ->
                whitened(
                    mine, AcrossRanks.combined(rank, Distribution.ofTokens(mine.x, mine.tokens))));
    double[] together = parts.stream().flatMapToDouble(Arrays::stream).toArray();
    assertThat(together).isEqualTo(once);
  }

  private static double[] whitened(Batch batch, Distribution all) {
    return new Whitening(false).of(batch.x, batch.tokens, all);
  }

  /** verl issue 4711: means over ranks of means over completions of different lengths. */
  @ParameterizedTest
  @ValueSource(ints = {2, 4, 8})
  void measuresHaveTheSameBitsOnAnyPowerOfTwoOfRanks(int ranks) throws Exception {
    Measures once = new Batch(0, ROWS).measures().measures();
    assertThat(once.list()).extracting(Measure::value).doesNotContain(Double.NaN);
    onRanks(ranks, (rank, mine) -> AcrossRanks.combined(rank, mine.measures()).measures())
        .forEach(measures -> assertThat(measures).isEqualTo(once));
  }

  @Test
  void threeRanksAgreeUpToRounding() throws Exception {
    Measures once = new Batch(0, ROWS).measures().measures();
    for (Measures measures :
        onRanks(3, (rank, mine) -> AcrossRanks.combined(rank, mine.measures()).measures())) {
      for (Measure measure : once) {
        assertThat(measures.get(measure.metric()).orElseThrow())
            .as(measure.metric().key())
            .isCloseTo(measure.value(), within(1e-9));
      }
    }
  }

  /** OpenRLHF issue 1250 whitened along the wrong axis; here a mean of 100 is removed. */
  @Test
  void whitenedActionsHaveMeanZeroAndVarianceOne() {
    Batch batch = new Batch(0, ROWS);
    Distribution all = Distribution.ofTokens(batch.x, batch.tokens);
    double[] actions = batch.actions(batch.x);
    double mean = Arrays.stream(actions).average().orElseThrow();
    double variance =
        Arrays.stream(actions).map(x -> (x - mean) * (x - mean)).average().orElseThrow();
    assertThat(all.count()).isEqualTo(actions.length);
    assertThat(all.mean()).isCloseTo(mean, within(1e-12));
    assertThat(all.variance()).isCloseTo(variance, within(1e-12));
    assertThat(all.least()).isEqualTo(Arrays.stream(actions).min().orElseThrow());
    assertThat(all.greatest()).isEqualTo(Arrays.stream(actions).max().orElseThrow());
    double[] white = new Whitening(false).of(batch.x, batch.tokens, all);
    Distribution after = Distribution.ofTokens(white, batch.tokens);
    assertThat(after.mean()).isCloseTo(0, within(1e-12));
    assertThat(after.variance()).isCloseTo(1, within(1e-7));
    double[] kept = new Whitening(true).of(batch.x, batch.tokens, all);
    assertThat(Distribution.ofTokens(kept, batch.tokens).mean()).isCloseTo(mean, within(1e-10));
  }

  /** The golden vector of the reports that this project began with: 1.2 to 2.0, mean kept. */
  @Test
  void whiteningGolden() {
    double[] values = {1.2, 1.3, 1.4, 1.5, 1.6, 1.7, 1.8, 1.9, 2.0};
    TokenGroups tokens = TokenGroups.of(new int[] {0, 0, 0, 1, 1, 1, 2, 2, 2}, 3);
    Distribution all = Distribution.ofTokens(values, tokens);
    assertThat(all.mean()).isCloseTo(1.6, within(1e-12));
    assertThat(all.variance()).isCloseTo(0.06666666666666667, within(1e-12));
    double[] white = new Whitening(true).of(values, tokens, all);
    for (int i = 0; i < 9; i++) {
      double expected = 1.6 + (values[i] - 1.6) / Math.sqrt(0.2 / 3 + 1e-8);
      assertThat(white[i]).isCloseTo(expected, within(1e-12));
    }
    assertThat(white[0]).isCloseTo(0.0508, within(5e-5));
    assertThat(white[1]).isCloseTo(0.4381, within(5e-5));
    assertThat(white[2]).isCloseTo(0.8254, within(5e-5));
  }

  @Test
  void advantagesGolden() {
    Advantages result =
        new GeneralizedAdvantages(1, 0.95)
            .of(
                new double[] {-0.02, 0.01, -0.03, 1},
                new double[] {0.5, 0.4, 0.6, 0.7},
                TokenGroups.of(new int[4], 1));
    assertThat(result.advantages())
        .containsExactly(new double[] {0.3998875, 0.54725, 0.355, 0.3}, within(1e-12));
    assertThat(result.returns())
        .containsExactly(new double[] {0.8998875, 0.94725, 0.955, 1}, within(1e-12));
  }

  /** verl issue 5860: a batch without a single action. */
  @Test
  void batchWithoutActionsIsHandled() {
    TokenGroups none = TokenGroups.rows(new int[] {-1, -1, -1, -1}, 2);
    double[] bad = {Double.NaN, 1, 2, 3};
    Distribution all = Distribution.ofTokens(bad, none);
    assertThat(all).isEqualTo(Distribution.NONE);
    assertThat(new Whitening(false).of(bad, none, all)).containsOnly(0.0);
    assertThat(new GeneralizedAdvantages(1, 1).of(bad, bad, none).advantages()).containsOnly(0.0);
    Measures measures =
        RolloutMeasures.none()
            .completions(none, new boolean[2])
            .advantages(bad, none)
            .values(bad, bad, none)
            .measures();
    assertThat(measures.get(RlMetrics.NUM_EOS_TOKENS)).hasValue(0);
    assertThat(measures.get(RlMetrics.MEAN_LENGTH)).hasValue(0);
    assertThat(measures.get(RlMetrics.ADVANTAGES_MAX)).hasValue(Double.NaN);
    assertThat(measures.get(RlMetrics.MEAN_TERMINATED_LENGTH)).hasValue(Double.NaN);
    assertThat(measures.get(RlMetrics.EXPLAINED_VARIANCE)).hasValue(Double.NaN);
    assertThat(Distribution.ofSequences(new double[0])).isEqualTo(Distribution.NONE);
  }

  @Test
  void measuresOfCompletions() {
    TokenGroups tokens = TokenGroups.of(new int[] {0, 0, 0, 1, 2, 2, -1}, 3);
    Measures measures =
        RolloutMeasures.none()
            .completions(tokens, new boolean[] {false, true, true})
            .objective(
                new double[] {1, 2, 3, 4, 5, 6, 0},
                new double[] {-.1, -.2, -.3, -.4, -.5, -.6, 0},
                new double[] {-1, -1, -2, -3, -1, -1, Double.NaN},
                new double[] {1, 0, 5},
                tokens)
            .measures();
    assertThat(measures.get("val_num_eos_tokens")).hasValue(2);
    assertThat(measures.get("completions_mean_length")).hasValue(2);
    assertThat(measures.get("completions_min_length")).hasValue(1);
    assertThat(measures.get("completions_max_length")).hasValue(3);
    assertThat(measures.get("completions_clipped_ratio").orElseThrow())
        .isCloseTo(1 / 3.0, within(1e-15));
    assertThat(measures.get("completions_mean_terminated_length")).hasValue(1.5);
    assertThat(measures.get("completions_min_terminated_length")).hasValue(1);
    assertThat(measures.get("completions_max_terminated_length")).hasValue(2);
    assertThat(measures.get("objective_kl")).hasValue(7);
    assertThat(measures.get("objective_entropy")).hasValue(3);
    assertThat(measures.get("objective_scores")).hasValue(2);
    assertThat(measures.get("objective_non_score_reward").orElseThrow())
        .isCloseTo(-0.7, within(1e-15));
    assertThat(measures.get("objective_rlhf_reward").orElseThrow()).isCloseTo(1.3, within(1e-15));
  }
}
