package dev.firesteel.rl;

import dev.firesteel.error.UserException;
import dev.firesteel.loss.TokenGroups;
import java.util.Arrays;

/**
 * Advantages without a value model: completions are compared with others of the same prompt, or
 * with the whole batch. With R the reward of a completion, KL penalties of its actions included, in
 * a group of G completions of a prompt:
 *
 * <pre>
 * mean      = first + sum (R - first) / G             first: the group's first reward
 * deviation = sqrt(sum (R - mean)^2 / (G - 1))        as in TRL and verl
 *
 * GRPO                   (R - mean) / (deviation + epsilon)     of the group or of the batch
 * DR_GRPO                R - mean
 * RLOO                   R - sum of the others / (G - 1) = G / (G - 1) (R - mean)
 * REINFORCE_PP           sum_s>=t gamma^(s-t) r_s               r: rewards of actions
 * REINFORCE_PP_BASELINE  the same, with the score's difference from the group's mean score
 * </pre>
 *
 * <p>Differences from the group's first reward make nearly equal rewards as exact as any others,
 * and equal ones exactly 0; the deviation has no floor but epsilon (verl issue 6348).
 */
public final class GroupAdvantages {
  private final AdvantageEstimator estimator;
  private final int groupSize;
  private final RewardScale scale;
  private final double epsilon;
  private final GeneralizedAdvantages toGo;

  /**
   * @param estimator of advantages
   * @param groupSize G, completions of a prompt, which follow each other in the batch of a rank
   * @param scale of {@link AdvantageEstimator#GRPO}; the others do not use it
   * @param epsilon added to the deviation; 1e-4 in TRL
   * @param gamma discount of REINFORCE++; the others do not use it
   * @throws UserException if the estimator compares completions of a group and has only one
   */
  public GroupAdvantages(
      AdvantageEstimator estimator,
      int groupSize,
      RewardScale scale,
      double epsilon,
      double gamma) {
    requireGroup(estimator, groupSize);
    this.estimator = estimator;
    this.groupSize = groupSize;
    this.scale = scale;
    this.epsilon = Checks.notNegative("the epsilon of advantages", epsilon);
    toGo = new GeneralizedAdvantages(gamma, 1);
  }

  /**
   * Requires that an estimator has completions to compare.
   *
   * @throws UserException if it compares completions of a group and has only one
   */
  public static void requireGroup(AdvantageEstimator estimator, int groupSize) {
    if (groupSize < 1 || (estimator.needsGroup() && groupSize < 2)) {
      throw UserException.usage(
          "rollouts.group_size must be at least "
              + (estimator.needsGroup() ? 2 : 1)
              + " with grpo.estimator="
              + estimator.key()
              + ", got "
              + groupSize
              + (groupSize == 1
                  ? ": of a single completion all advantages are 0; use grpo.estimator=reinforce_pp"
                      + " or a larger group"
                  : ""));
    }
  }

  /** The rewards R of completions: scores and the penalties of their actions. */
  public static double[] rewards(double[] scores, double[] penalties, TokenGroups tokens) {
    Checks.sequences("scores", scores, tokens);
    double[] rewards = tokens.sums(penalties);
    for (int i = 0; i < rewards.length; i++) {
      rewards[i] += scores[i];
    }
    return rewards;
  }

  /**
   * The advantages of a batch, before whitening where the estimator {@linkplain
   * AdvantageEstimator#whitens whitens}.
   *
   * @param scores [sequences], the scores of completions after {@link ScoreShaping}
   * @param penalties [tokens], see {@link TokenRewards#penalties}; zeros if the KL penalty is a
   *     term of the loss
   * @param tokens the actions
   * @param batch {@link Distribution#ofSequences} of the {@link #rewards} of the whole batch; of
   *     all ranks
   * @return [tokens], 0 where there is no action
   */
  public double[] of(double[] scores, double[] penalties, TokenGroups tokens, Distribution batch) {
    return switch (estimator) {
      case GRPO, DR_GRPO, RLOO ->
          tokens.sumsGradient(ofCompletions(rewards(scores, penalties, tokens), batch));
      case REINFORCE_PP -> toGo(scores, penalties, tokens);
      case REINFORCE_PP_BASELINE -> toGo(centred(scores), penalties, tokens);
    };
  }

  private double[] ofCompletions(double[] rewards, Distribution batch) {
    double[] advantages = centred(rewards);
    double[] deviations = deviations(rewards);
    for (int i = 0; i < advantages.length; i++) {
      if (estimator == AdvantageEstimator.RLOO) {
        advantages[i] *= groupSize / (groupSize - 1.0);
      } else if (estimator == AdvantageEstimator.GRPO) {
        advantages[i] /=
            switch (scale) {
              case GROUP -> deviations[i / groupSize] + epsilon;
              case BATCH -> batch.sampleDeviation() + epsilon;
              case NONE -> 1;
            };
        // 0 / 0 with an epsilon of 0: a group of equal rewards has no advantages.
        if (Double.isNaN(advantages[i]) && deviations[i / groupSize] == 0) {
          advantages[i] = 0;
        }
      }
    }
    return advantages;
  }

  private double[] toGo(double[] scores, double[] penalties, TokenGroups tokens) {
    double[] rewards = TokenRewards.withRewards(penalties, scores, tokens);
    return toGo.of(rewards, new double[rewards.length], tokens).advantages();
  }

  /** [sequences], the rewards' differences from their group's mean. */
  private double[] centred(double[] rewards) {
    requireGroups(rewards, groupSize);
    double[] centred = new double[rewards.length];
    for (int from = 0; from < rewards.length; from += groupSize) {
      double sum = 0;
      for (int i = from; i < from + groupSize; i++) {
        centred[i] = rewards[i] - rewards[from];
        sum += centred[i];
      }
      for (int i = from; i < from + groupSize; i++) {
        centred[i] -= sum / groupSize;
      }
    }
    return centred;
  }

  private static void requireGroups(double[] rewards, int groupSize) {
    if (rewards.length % groupSize != 0) {
      throw new IllegalArgumentException(
          "rl: rewards must be of groups of " + groupSize + " completions, got " + rewards.length);
    }
  }

  /** [groups], the standard deviation of each group's rewards; 0 of a single one. */
  public double[] deviations(double[] rewards) {
    double[] centred = centred(rewards);
    double[] deviations = new double[rewards.length / groupSize];
    for (int i = 0; i < centred.length; i++) {
      deviations[i / groupSize] += centred[i] * centred[i];
    }
    for (int i = 0; i < deviations.length; i++) {
      deviations[i] = StrictMath.sqrt(deviations[i] / StrictMath.max(1, groupSize - 1));
    }
    return deviations;
  }

  /**
   * Which completions are of groups whose rewards differ. Those of the other groups have advantages
   * of 0, but a KL penalty in the loss still moves the policy on them (TRL issue 5588); {@link
   * TokenGroups#only} of these marks leaves them out of the whole loss, as DAPO's dynamic sampling
   * does.
   *
   * @return [sequences]
   */
  public boolean[] informative(double[] rewards) {
    return informative(rewards, groupSize);
  }

  /**
   * The same of any scores.
   *
   * @param groupSize completions of a prompt
   */
  public static boolean[] informative(double[] rewards, int groupSize) {
    requireGroups(rewards, groupSize);
    boolean[] informative = new boolean[rewards.length];
    for (int from = 0; from < rewards.length; from += groupSize) {
      double first = rewards[from];
      boolean differ =
          Arrays.stream(rewards, from, from + groupSize).anyMatch(reward -> reward != first);
      Arrays.fill(informative, from, from + groupSize, differ);
    }
    return informative;
  }
}
