package dev.firesteel.rl;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import dev.firesteel.error.UserException;
import dev.firesteel.loss.HostLoss;
import dev.firesteel.loss.KlEstimator;
import dev.firesteel.loss.KlPenalty;
import dev.firesteel.loss.PolicyLoss;
import dev.firesteel.loss.TokenGroups;
import java.util.Arrays;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.ValueSource;

/** Advantages from groups, and the denominators of their losses. */
class GroupAdvantagesTest {
  private static final double[] CLOSE = {0.5, 0.5001, 0.5002, 0.5001};

  private static double[] grpo(double epsilon, double... rewards) {
    int count = rewards.length;
    int[] each = new int[count];
    for (int i = 0; i < count; i++) {
      each[i] = i;
    }
    return new GroupAdvantages(AdvantageEstimator.GRPO, count, RewardScale.GROUP, epsilon, 1)
        .of(
            rewards,
            new double[count],
            TokenGroups.of(each, count),
            Distribution.ofSequences(rewards));
  }

  /** verl issue 6348: a floor under the variance made them far smaller. Table of rl_oracle.py. */
  @ParameterizedTest
  @ValueSource(doubles = {0, 1, 1000})
  void nearlyEqualRewardsHaveFullAdvantages(double offset) {
    double[] rewards = new double[4];
    for (int i = 0; i < 4; i++) {
      rewards[i] = CLOSE[i] + offset;
    }
    assertThat(grpo(1e-6, rewards))
        .containsExactly(
            new double[] {-1.2099263603456394, 0, 1.2099263603456394, 0}, within(2e-8));
  }

  /** 0.1 three times has a sum that is not three times 0.1. */
  @Test
  void equalRewardsHaveAdvantagesOfExactlyZero() {
    assertThat(grpo(0, 0.1, 0.1, 0.1)).containsExactly(0, 0, 0);
    assertThat(grpo(1e-4, 0.1, 0.1, 0.1)).containsExactly(0, 0, 0);
  }

  @Test
  void twoCompletionsDifferByTheSquareRootOfTwo() {
    double half = Math.sqrt(0.5);
    assertThat(grpo(0, 1, 3)).containsExactly(new double[] {-half, half}, within(1e-15));
  }

  /** OpenRLHF issue 1250: training on such advantages silently changes nothing. */
  @ParameterizedTest
  @EnumSource(AdvantageEstimator.class)
  void singleCompletionsAreRefusedWhereTheBaselineIsOfAGroup(AdvantageEstimator estimator) {
    if (estimator == AdvantageEstimator.REINFORCE_PP) {
      new GroupAdvantages(estimator, 1, RewardScale.NONE, 1e-4, 1);
      return;
    }
    assertThatThrownBy(() -> new GroupAdvantages(estimator, 1, RewardScale.GROUP, 1e-4, 1))
        .isInstanceOf(UserException.class)
        .hasMessage(
            "rollouts.group_size must be at least 2 with grpo.estimator="
                + estimator.key()
                + ", got 1: of a single completion all advantages are 0; use"
                + " grpo.estimator=reinforce_pp or a larger group");
  }

  @Test
  void incompleteGroupsAreRefused() {
    GroupAdvantages pairs =
        new GroupAdvantages(AdvantageEstimator.RLOO, 2, RewardScale.NONE, 1e-4, 1);
    assertThatThrownBy(() -> pairs.deviations(new double[3]))
        .hasMessage("rl: rewards must be of groups of 2 completions, got 3");
  }

  @Test
  void equalGroupsAreReported() {
    GroupAdvantages pairs =
        new GroupAdvantages(AdvantageEstimator.GRPO, 2, RewardScale.GROUP, 1e-4, 1);
    double[] rewards = {0, 0, 1, 0, 0.1, 0.1, 2, 6};
    assertThat(pairs.deviations(rewards))
        .containsExactly(new double[] {0, Math.sqrt(0.5), 0, Math.sqrt(8)}, within(1e-15));
    var measures = RolloutMeasures.none().groups(pairs.deviations(rewards)).measures();
    assertThat(measures.get("frac_reward_zero_std")).hasValue(0.5);
    assertThat(measures.get("reward_std").orElseThrow())
        .isCloseTo((Math.sqrt(0.5) + Math.sqrt(8)) / 4, within(1e-15));
    assertThat(pairs.informative(rewards))
        .containsExactly(false, false, true, true, false, false, true, true);
  }

  /**
   * TRL issue 5588: with a KL penalty in the loss, equal groups move the policy all the same. The
   * marks leave them out, of the loss and of its denominator.
   */
  @Test
  void equalGroupsCanBeLeftOutOfTheKlPenalty() {
    TokenGroups tokens = TokenGroups.of(new int[] {0, 1, 2, 3}, 4);
    double[] rewards = {1, 1, 0, 2};
    double[] logProbs = {-1, -2, -3, -4};
    double[] reference = {-2, -1, -1, -1};
    GroupAdvantages pairs =
        new GroupAdvantages(AdvantageEstimator.GRPO, 2, RewardScale.GROUP, 1e-4, 1);
    double[] advantages =
        pairs.of(rewards, new double[4], tokens, Distribution.ofSequences(rewards));
    assertThat(advantages[0]).isZero();
    HostLoss all = loss(logProbs, reference, advantages, tokens);
    assertThat(all.gradient()[0]).isNotZero();
    HostLoss some = loss(logProbs, reference, advantages, tokens.only(pairs.informative(rewards)));
    assertThat(some.gradient()[0]).isZero();
    assertThat(some.gradient()[1]).isZero();
    assertThat(some.gradient()[3]).isEqualTo(2 * all.gradient()[3]);
  }

  private static HostLoss loss(
      double[] logProbs, double[] reference, double[] advantages, TokenGroups tokens) {
    double[] weights = LossAverage.SEQUENCES.weights(tokens);
    double denominator = LossAverage.denominator(LossAverage.SEQUENCES.share(tokens, 1));
    return PolicyLoss.clipped(0.2)
        .of(logProbs, logProbs, advantages, weights, denominator, (double) tokens.tokens())
        .plus(
            new KlPenalty(KlEstimator.K3, 0.1)
                .of(logProbs, reference, weights, denominator, (double) tokens.tokens()));
  }

  /** TRL issue 6439: truncated completions left the loss, but not its denominator. */
  @ParameterizedTest
  @EnumSource(LossAverage.class)
  void completionsLeftOutAreInNoDenominator(LossAverage average) {
    TokenGroups tokens = TokenGroups.of(new int[] {0, 0, 0, 1, -1, 2, 2}, 3);
    TokenGroups some = tokens.only(new boolean[] {true, false, true});
    TokenGroups alone = TokenGroups.of(new int[] {0, 0, 0, -1, -1, 1, 1}, 2);
    assertThat(average.weights(some)).isEqualTo(average.weights(alone));
    assertThat(average.share(some, 4)).isEqualTo(average.share(alone, 4));
    TokenGroups none = tokens.only(new boolean[3]);
    assertThat(average.weights(none)).containsOnly(0.0);
    assertThat(LossAverage.denominator(average.share(none, 4))).isEqualTo(1);
  }

  /**
   * verl issues 3332 and 6957, LlamaFactory issue 10705: the same loss and gradient in one piece
   * and in micro-batches of 2, 2 and 1 completions.
   */
  @ParameterizedTest
  @EnumSource(LossAverage.class)
  void lossesDoNotDependOnMicroBatches(LossAverage average) {
    int[] lengths = {1, 4, 2, 3, 5};
    int[] targets = new int[25];
    double[] logProbs = new double[25];
    double[] old = new double[25];
    double[] advantages = new double[25];
    for (int i = 0; i < 25; i++) {
      targets[i] = i % 5 < lengths[i / 5] ? 1 : -1;
      logProbs[i] = -1 + 0.3 * Math.sin(i);
      old[i] = -1 + 0.3 * Math.cos(i);
      advantages[i] = Math.sin(3 * i + 1);
    }
    double[] shares = new double[3];
    int[] bounds = {0, 2, 4, 5};
    for (int part = 0; part < 3; part++) {
      shares[part] = average.share(rows(targets, bounds[part], bounds[part + 1]), 7);
    }
    TokenGroups whole = rows(targets, 0, 5);
    double denominator = LossAverage.denominator(shares);
    assertThat(denominator).isEqualTo(average.share(whole, 7));
    PolicyLoss policy = PolicyLoss.clipped(0.2);
    HostLoss one = policy.of(logProbs, old, advantages, average.weights(whole), denominator, 15);
    double loss = 0;
    for (int part = 0; part < 3; part++) {
      int from = 5 * bounds[part];
      int to = 5 * bounds[part + 1];
      HostLoss some =
          policy.of(
              Arrays.copyOfRange(logProbs, from, to),
              Arrays.copyOfRange(old, from, to),
              Arrays.copyOfRange(advantages, from, to),
              average.weights(rows(targets, bounds[part], bounds[part + 1])),
              denominator,
              15);
      assertThat(some.gradient()).isEqualTo(Arrays.copyOfRange(one.gradient(), from, to));
      loss += some.loss();
    }
    assertThat(loss).isCloseTo(one.loss(), within(1e-15));
  }

  private static TokenGroups rows(int[] targets, int from, int to) {
    return TokenGroups.rows(Arrays.copyOfRange(targets, 5 * from, 5 * to), 5);
  }
}
