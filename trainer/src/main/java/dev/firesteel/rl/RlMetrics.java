package dev.firesteel.rl;

import dev.firesteel.metrics.Metric;
import dev.firesteel.metrics.Unit;

/**
 * The numbers that reinforcement learning reports of its rollouts, beside those of its losses in
 * {@code LossMetrics}. Their keys are the names that users of TRL and, where TRL has none, of verl
 * know, with {@code _} for {@code /}.
 */
public final class RlMetrics {
  private static final String LENGTHS_CHART = "Completion length";
  private static final String REWARDS_CHART = "Reward";
  private static final String VALUES_CHART = "Returns and values";
  private static final String TIMES_CHART = "Time per phase";

  private RlMetrics() {}

  // ---- rewards

  /** Mean over completions of the sum over actions of the estimate of the KL from the reference. */
  public static final Metric OBJECTIVE_KL =
      Metric.of("objective_kl", "KL per completion", Unit.NONE);

  /** Mean over completions of the sum over actions of -log pi: an estimate of the entropy. */
  public static final Metric OBJECTIVE_ENTROPY =
      Metric.of("objective_entropy", "entropy per completion", Unit.NONE).offProgressLine();

  /** Mean over completions of the KL penalties in the reward. */
  public static final Metric OBJECTIVE_NON_SCORE_REWARD =
      Metric.of("objective_non_score_reward", "KL penalty", Unit.NONE)
          .in(REWARDS_CHART)
          .offProgressLine();

  /** Mean over completions of score and KL penalties together: what is maximized. */
  public static final Metric OBJECTIVE_RLHF_REWARD =
      Metric.of("objective_rlhf_reward", "reward with penalty", Unit.NONE)
          .in(REWARDS_CHART)
          .offProgressLine();

  /** Mean score of completions, after shaping. */
  public static final Metric OBJECTIVE_SCORES =
      Metric.of("objective_scores", "score", Unit.NONE).in(REWARDS_CHART).offProgressLine();

  /** Mean of the weighted sum of the reward functions, before shaping. */
  public static final Metric REWARD = Metric.of("reward", "reward", Unit.NONE).in(REWARDS_CHART);

  /** Mean over groups of the standard deviation of a group's rewards. */
  public static final Metric REWARD_STD =
      Metric.of("reward_std", "reward deviation", Unit.NONE).startingAtZero().offProgressLine();

  /** Share of groups whose rewards are all equal, which give no gradient of the policy loss. */
  public static final Metric FRAC_REWARD_ZERO_STD =
      Metric.of("frac_reward_zero_std", "equal groups", Unit.SHARE)
          .startingAtZero()
          .offProgressLine();

  /** Prompts of a step that others replaced because their completions all had the same score. */
  public static final Metric RESAMPLED_PROMPTS =
      Metric.of("resampled_prompts", "resampled prompts", Unit.NONE)
          .startingAtZero()
          .offProgressLine();

  /** Mean gold score: what the rewards are meant to measure. */
  public static final Metric GOLD = Metric.of("gold", "gold score", Unit.NONE);

  /** Completions for which a reward function failed. */
  public static final Metric REWARD_FAILURES =
      Metric.of("reward_failures", "reward failures", Unit.NONE).startingAtZero().offProgressLine();

  /** Mean of one reward function's scores, without its weight. */
  public static Metric functionMean(String name) {
    return Metric.of("rewards_" + name + "_mean", name.replace('_', ' '), Unit.NONE)
        .in("Reward functions")
        .offProgressLine();
  }

  /** Standard deviation of one reward function's scores, without its weight. */
  public static Metric functionDeviation(String name) {
    return Metric.of("rewards_" + name + "_std", name.replace('_', ' ') + " deviation", Unit.NONE)
        .in("Deviation of reward functions")
        .startingAtZero()
        .offProgressLine();
  }

  // ---- completions

  /** Completions that the model ended. */
  public static final Metric NUM_EOS_TOKENS =
      Metric.of("val_num_eos_tokens", "ended completions", Unit.NONE)
          .startingAtZero()
          .offProgressLine();

  /** Mean length of completions, in tokens with the end token. */
  public static final Metric MEAN_LENGTH =
      Metric.of("completions_mean_length", "length", Unit.NONE).in(LENGTHS_CHART).startingAtZero();

  /** Least length of a completion. */
  public static final Metric MIN_LENGTH =
      Metric.of("completions_min_length", "min length", Unit.NONE)
          .in(LENGTHS_CHART)
          .offProgressLine();

  /** Greatest length of a completion. */
  public static final Metric MAX_LENGTH =
      Metric.of("completions_max_length", "max length", Unit.NONE)
          .in(LENGTHS_CHART)
          .offProgressLine();

  /** Share of completions that were cut at the maximum length. */
  public static final Metric CLIPPED_RATIO =
      Metric.of("completions_clipped_ratio", "cut completions", Unit.SHARE)
          .startingAtZero()
          .offProgressLine();

  /** Mean length of completions that the model ended. */
  public static final Metric MEAN_TERMINATED_LENGTH =
      Metric.of("completions_mean_terminated_length", "ended length", Unit.NONE)
          .in(LENGTHS_CHART)
          .offProgressLine();

  /** Least length of a completion that the model ended. */
  public static final Metric MIN_TERMINATED_LENGTH =
      Metric.of("completions_min_terminated_length", "min ended length", Unit.NONE)
          .in(LENGTHS_CHART)
          .offProgressLine();

  /** Greatest length of a completion that the model ended. */
  public static final Metric MAX_TERMINATED_LENGTH =
      Metric.of("completions_max_terminated_length", "max ended length", Unit.NONE)
          .in(LENGTHS_CHART)
          .offProgressLine();

  // ---- advantages and values

  /** Mean advantage of actions, before whitening. */
  public static final Metric ADVANTAGES_MEAN =
      Metric.of("critic_advantages_mean", "advantage", Unit.NONE).offProgressLine();

  /** Least advantage. */
  public static final Metric ADVANTAGES_MIN =
      Metric.of("critic_advantages_min", "min advantage", Unit.NONE)
          .in("Advantage")
          .offProgressLine();

  /** Greatest advantage. */
  public static final Metric ADVANTAGES_MAX =
      Metric.of("critic_advantages_max", "max advantage", Unit.NONE)
          .in("Advantage")
          .offProgressLine();

  /** Mean return of actions. */
  public static final Metric RETURNS_MEAN =
      Metric.of("critic_returns_mean", "return", Unit.NONE).in(VALUES_CHART).offProgressLine();

  /** Least return. */
  public static final Metric RETURNS_MIN =
      Metric.of("critic_returns_min", "min return", Unit.NONE).in(VALUES_CHART).offProgressLine();

  /** Greatest return. */
  public static final Metric RETURNS_MAX =
      Metric.of("critic_returns_max", "max return", Unit.NONE).in(VALUES_CHART).offProgressLine();

  /** Mean value of the states in which actions were taken. */
  public static final Metric VALUES_MEAN =
      Metric.of("critic_values_mean", "value", Unit.NONE).in(VALUES_CHART).offProgressLine();

  /** Least value. */
  public static final Metric VALUES_MIN =
      Metric.of("critic_values_min", "min value", Unit.NONE).in(VALUES_CHART).offProgressLine();

  /** Greatest value. */
  public static final Metric VALUES_MAX =
      Metric.of("critic_values_max", "max value", Unit.NONE).in(VALUES_CHART).offProgressLine();

  /** Share of the returns' variance that values explain: 1 is perfect, 0 or less useless. */
  public static final Metric EXPLAINED_VARIANCE =
      Metric.of("critic_vf_explained_var", "explained variance", Unit.NONE).offProgressLine();

  /** Global 2-norm of the value model's gradient before clipping. */
  public static final Metric CRITIC_GRADIENT_NORM =
      Metric.of("critic_grad_norm", "value model's gradient norm", Unit.NONE)
          .startingAtZero()
          .offProgressLine();

  /** Learning rate of the value model. */
  public static final Metric CRITIC_LEARNING_RATE =
      Metric.of("critic_lr", "value model's learning rate", Unit.NONE)
          .startingAtZero()
          .offProgressLine();

  // ---- numbers that every rank has itself

  /** Completions since the run began, with those of this step. */
  public static final Metric EPISODE =
      Metric.of("episode", "completions", Unit.NONE).startingAtZero().offProgressLine();

  /** Completions per second of rollouts, scores and updates. */
  public static final Metric EPISODES_PER_SECOND =
      Metric.of("eps", "completions per second", Unit.NONE).startingAtZero().offProgressLine();

  /** Beta of the iteration. */
  public static final Metric KL_COEFFICIENT =
      Metric.of("kl_coef", "KL coefficient", Unit.NONE).startingAtZero().offProgressLine();

  /** Time that an iteration's rollouts took. */
  public static final Metric ROLLOUT_MILLIS =
      Metric.of("rollout_ms", "rollouts", Unit.MILLISECONDS)
          .in(TIMES_CHART)
          .startingAtZero()
          .offProgressLine();

  /** Time that scores, old log-probabilities and values of an iteration took. */
  public static final Metric SCORING_MILLIS =
      Metric.of("scoring_ms", "scoring", Unit.MILLISECONDS)
          .in(TIMES_CHART)
          .startingAtZero()
          .offProgressLine();

  /** Time that an iteration's updates took. */
  public static final Metric UPDATE_MILLIS =
      Metric.of("update_ms", "updates", Unit.MILLISECONDS)
          .in(TIMES_CHART)
          .startingAtZero()
          .offProgressLine();
}
