package dev.firesteel.rl;

import static org.assertj.core.api.Assertions.assertThat;

import dev.firesteel.loss.KlEstimator;
import dev.firesteel.loss.PolicyLoss;
import dev.firesteel.loss.TokenGroups;
import dev.firesteel.loss.ValueLoss;
import dev.firesteel.random.RandomStream;
import dev.firesteel.walks.RandomWalks;
import java.util.Arrays;
import org.assertj.core.data.Percentage;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/**
 * Rewards, advantages and losses together find the exact optimum of {@link RandomWalks}, with a
 * policy that is a table and can be any: a penalty of the wrong sign, a score on the wrong action
 * or a baseline that is not one lead elsewhere.
 */
class RandomWalksLearningTest {
  private static final int STARTS = RandomWalks.VOCABULARY - 1;
  private static final int LENGTH = RandomWalks.MAX_COMPLETION;
  private static final int STATES = STARTS * LENGTH * RandomWalks.VOCABULARY;
  private static final int GROUP = 16;
  private static final int ROWS = STARTS * GROUP;
  private static final int ITERATIONS = 300;
  private static final double VALUE_STEP = 0.02;

  /** Logits of the ways from each (start, position, node); uniform at first, as the reference. */
  private final double[][] logits = new double[STATES][];

  private final double[] values = new double[STATES];

  RandomWalksLearningTest() {
    for (int state = 0; state < STATES; state++) {
      logits[state] = new double[RandomWalks.neighbors(state % RandomWalks.VOCABULARY).length];
    }
  }

  private static int state(int start, int position, int node) {
    return ((start - 1) * LENGTH + position) * RandomWalks.VOCABULARY + node;
  }

  private double[] probabilities(int state) {
    double[] p = new double[logits[state].length];
    double sum = 0;
    for (int way = 0; way < p.length; way++) {
      p[way] = Math.exp(logits[state][way]);
      sum += p[way];
    }
    for (int way = 0; way < p.length; way++) {
      p[way] /= sum;
    }
    return p;
  }

  /** What one iteration sampled: an action in each cell [rows, LENGTH] that is one. */
  private final class Rollout {
    final int[] states = new int[ROWS * LENGTH];
    final int[] choices = new int[ROWS * LENGTH];
    final int[] targets = new int[ROWS * LENGTH];
    final double[] old = new double[ROWS * LENGTH];
    final double[] reference = new double[ROWS * LENGTH];
    final double[] oldValues = new double[ROWS * LENGTH];
    final double[] scores = new double[ROWS];
    final TokenGroups tokens;

    Rollout(int iteration) {
      Arrays.fill(targets, -1);
      for (int row = 0; row < ROWS; row++) {
        int start = 1 + row / GROUP;
        int node = start;
        int length = 0;
        RandomStream random = RandomStream.of(11, "walk", iteration, row);
        while (length < LENGTH && node != RandomWalks.GOAL) {
          int at = row * LENGTH + length;
          states[at] = state(start, length, node);
          double[] p = probabilities(states[at]);
          int choice = 0;
          for (double left = random.nextDouble() - p[0];
              left >= 0 && choice < p.length - 1;
              left -= p[choice]) {
            choice++;
          }
          choices[at] = choice;
          old[at] = Math.log(p[choice]);
          reference[at] = -Math.log(p.length);
          oldValues[at] = values[states[at]];
          node = RandomWalks.neighbors(node)[choice];
          targets[at] = node;
          length++;
        }
        scores[row] =
            RandomWalks.reward(
                start, Arrays.copyOfRange(targets, row * LENGTH, row * LENGTH + length));
      }
      tokens = TokenGroups.rows(targets, LENGTH);
    }

    void step(double[] gradient, double size) {
      for (int i = 0; i < gradient.length; i++) {
        if (tokens.sequence(i) >= 0) {
          double[] p = probabilities(states[i]);
          double[] row = logits[states[i]];
          for (int way = 0; way < row.length; way++) {
            row[way] -= size * gradient[i] * ((way == choices[i] ? 1 : 0) - p[way]);
          }
        }
      }
    }

    void stepValues(double[] gradient, double size) {
      for (int i = 0; i < gradient.length; i++) {
        if (tokens.sequence(i) >= 0) {
          values[states[i]] -= size * gradient[i];
        }
      }
    }
  }

  /** Reward and KL of the policy, exactly. */
  private RandomWalks.Exact exact() {
    double reward = 0;
    double kl = 0;
    for (int start = 1; start <= STARTS; start++) {
      double[] at = new double[RandomWalks.VOCABULARY];
      at[start] = 1;
      for (int position = 0; position < LENGTH; position++) {
        double[] next = new double[at.length];
        for (int node = 1; node < at.length; node++) {
          int[] ways = RandomWalks.neighbors(node);
          double[] p = probabilities(state(start, position, node));
          for (int way = 0; way < ways.length; way++) {
            next[ways[way]] += at[node] * p[way];
            kl += at[node] * p[way] * Math.log(p[way] * ways.length);
          }
        }
        double best = RandomWalks.MAX_NODES - RandomWalks.shortest(start);
        reward += next[RandomWalks.GOAL] * (RandomWalks.MAX_NODES - position - 2) / best;
        at = next;
      }
    }
    return new RandomWalks.Exact(reward / STARTS, kl / STARTS, Double.NaN);
  }

  private void isOptimum(double beta, double percent) {
    RandomWalks.Exact best = RandomWalks.optimum(beta);
    RandomWalks.Exact found = exact();
    assertThat(found.reward()).isCloseTo(best.reward(), Percentage.withPercentage(percent));
    assertThat(found.kl()).isCloseTo(best.kl(), Percentage.withPercentage(percent));
  }

  @Test
  void tableBeginsAsTheReference() {
    assertThat(exact().reward())
        .isCloseTo(RandomWalks.uniform().reward(), Percentage.withPercentage(1e-9));
    assertThat(exact().kl()).isZero();
  }

  @ParameterizedTest
  @CsvSource({
    "RLOO, 0.25, 0.1",
    "RLOO, 0.5, 0.1",
    "REINFORCE_PP, 0.25, 0.04",
    "REINFORCE_PP_BASELINE, 0.25, 0.1"
  })
  void estimatorsFindTheOptimum(AdvantageEstimator estimator, double beta, double step) {
    GroupAdvantages estimate = new GroupAdvantages(estimator, GROUP, RewardScale.GROUP, 1e-4, 1);
    for (int iteration = 0; iteration < ITERATIONS; iteration++) {
      Rollout rollout = new Rollout(iteration);
      double[] penalties = penalties(rollout, beta);
      double[] rewards = GroupAdvantages.rewards(rollout.scores, penalties, rollout.tokens);
      double[] advantages =
          estimate.of(rollout.scores, penalties, rollout.tokens, Distribution.ofSequences(rewards));
      improve(rollout, advantages, estimator.whitens(), step, iteration);
    }
    isOptimum(beta, 5);
  }

  @ParameterizedTest
  @CsvSource({"0.25, 0.95", "0.5, 1"})
  void valuesFindTheOptimum(double beta, double lambda) {
    GeneralizedAdvantages estimate = new GeneralizedAdvantages(1, lambda);
    for (int iteration = 0; iteration < ITERATIONS; iteration++) {
      Rollout rollout = new Rollout(iteration);
      double[] rewards =
          TokenRewards.withRewards(penalties(rollout, beta), rollout.scores, rollout.tokens);
      Advantages result = estimate.of(rewards, rollout.oldValues, rollout.tokens);
      improve(rollout, result.advantages(), true, 0.04, iteration);
      double[] weights = rollout.tokens.tokenWeights();
      rollout.stepValues(
          new ValueLoss(Double.POSITIVE_INFINITY, 1)
              .of(rollout.oldValues, rollout.oldValues, result.returns(), weights, 1)
              .gradient(),
          VALUE_STEP);
    }
    isOptimum(beta, 2);
  }

  private static double[] penalties(Rollout rollout, double beta) {
    TokenRewards rewards = new TokenRewards(KlEstimator.K1);
    return TokenRewards.penalties(rewards.kl(rollout.old, rollout.reference, rollout.tokens), beta);
  }

  /** A step of constant size, then of falling size. */
  private static void improve(
      Rollout rollout, double[] raw, boolean whiten, double step, int iteration) {
    TokenGroups tokens = rollout.tokens;
    double[] advantages =
        whiten ? new Whitening(false).of(raw, tokens, Distribution.ofTokens(raw, tokens)) : raw;
    double size = step * Math.min(1, 2.0 * (ITERATIONS - iteration) / ITERATIONS);
    rollout.step(
        PolicyLoss.clipped(0.2)
            .of(
                rollout.old,
                rollout.old,
                advantages,
                tokens.tokenWeights(),
                1,
                (double) tokens.tokens())
            .gradient(),
        size);
  }
}
