package dev.firesteel.loss;

import dev.firesteel.metrics.Metric;
import dev.firesteel.metrics.Unit;

/**
 * The numbers that losses report. Their keys are the names that users of TRL know (TRL's
 * documentation of its trainers, "Logged metrics"), with {@code _} for {@code /}.
 */
public final class LossMetrics {
  private LossMetrics() {}

  /** A loss that is no cross-entropy, on the validation set. */
  public static final Metric VALIDATION_LOSS =
      Metric.of("val_loss", "validation loss", Unit.NONE).in("Loss");

  // ---- reward models

  /** Share of pairs whose chosen answer has the greater reward. */
  public static final Metric ACCURACY = Metric.of("accuracy", "accuracy", Unit.SHARE);

  /** Mean of chosen minus rejected reward. */
  public static final Metric MARGIN = Metric.of("margin", "margin", Unit.NONE).in("Rewards");

  /** Mean reward of the answers in pairs. */
  public static final Metric MEAN_REWARD =
      Metric.of("mean_reward", "mean reward", Unit.NONE).in("Rewards").offProgressLine();

  /** Least reward of the answers in pairs. */
  public static final Metric MIN_REWARD =
      Metric.of("min_reward", "min reward", Unit.NONE).in("Rewards").offProgressLine();

  /** Greatest reward of the answers in pairs. */
  public static final Metric MAX_REWARD =
      Metric.of("max_reward", "max reward", Unit.NONE).in("Rewards").offProgressLine();

  // ---- preference optimization

  /** Mean of {@code beta (log pi - log ref)} of chosen answers. */
  public static final Metric REWARDS_CHOSEN =
      Metric.of("rewards_chosen", "chosen reward", Unit.NONE)
          .in("Implicit rewards")
          .offProgressLine();

  /** The same of rejected answers. */
  public static final Metric REWARDS_REJECTED =
      Metric.of("rewards_rejected", "rejected reward", Unit.NONE)
          .in("Implicit rewards")
          .offProgressLine();

  /** Mean of chosen minus rejected implicit reward. */
  public static final Metric REWARDS_MARGINS =
      Metric.of("rewards_margins", "margin", Unit.NONE).in("Implicit rewards");

  /** Share of pairs whose chosen answer has the greater implicit reward. */
  public static final Metric REWARDS_ACCURACIES =
      Metric.of("rewards_accuracies", "accuracy", Unit.SHARE);

  /** Mean log-probability of chosen answers. */
  public static final Metric LOGPS_CHOSEN =
      Metric.of("logps_chosen", "chosen log-prob", Unit.NONE)
          .in("Log-probabilities")
          .offProgressLine();

  /** Mean log-probability of rejected answers. */
  public static final Metric LOGPS_REJECTED =
      Metric.of("logps_rejected", "rejected log-prob", Unit.NONE)
          .in("Log-probabilities")
          .offProgressLine();

  // ---- reinforcement learning

  /** Mean policy loss. */
  public static final Metric LOSS_POLICY =
      Metric.of("loss_policy_avg", "policy loss", Unit.NONE).offProgressLine();

  /** Mean of {@code (log-ratio)^2 / 2}: Schulman's k2 estimate of the KL from the old policy. */
  public static final Metric APPROX_KL =
      Metric.of("policy_approxkl_avg", "approx KL", Unit.NONE).startingAtZero();

  /** Share of tokens whose loss was clipped. */
  public static final Metric CLIP_FRACTION =
      Metric.of("policy_clipfrac_avg", "clipped", Unit.SHARE).in("Clipped").startingAtZero();

  /** Share of tokens clipped below: negative advantage and a ratio under the range. */
  public static final Metric CLIP_FRACTION_LOW =
      Metric.of("clip_ratio_low_mean", "clipped low", Unit.SHARE)
          .in("Clipped")
          .startingAtZero()
          .offProgressLine();

  /** Share of tokens clipped above: positive advantage and a ratio over the range. */
  public static final Metric CLIP_FRACTION_HIGH =
      Metric.of("clip_ratio_high_mean", "clipped high", Unit.SHARE)
          .in("Clipped")
          .startingAtZero()
          .offProgressLine();

  /** Share of tokens at the bound of the dual clip. */
  public static final Metric DUAL_CLIP_FRACTION =
      Metric.of("policy_dual_clipfrac_avg", "dual-clipped", Unit.SHARE)
          .in("Clipped")
          .startingAtZero()
          .offProgressLine();

  /** Mean ratio of new to old probability. */
  public static final Metric RATIO =
      Metric.of("val_ratio", "ratio", Unit.NONE).in("Ratio").offProgressLine();

  /**
   * Variance of the ratio about 1, its mean under the policy that sampled: an estimate of the
   * chi-squared divergence of the two.
   */
  public static final Metric RATIO_VARIANCE =
      Metric.of("val_ratio_var", "ratio variance", Unit.NONE).startingAtZero().offProgressLine();

  /** Least ratio. */
  public static final Metric RATIO_MIN =
      Metric.of("val_ratio_min", "min ratio", Unit.NONE).in("Ratio").offProgressLine();

  /** Greatest ratio. */
  public static final Metric RATIO_MAX =
      Metric.of("val_ratio_max", "max ratio", Unit.NONE).in("Ratio").offProgressLine();

  /** Mean entropy of the policy per token. */
  public static final Metric ENTROPY =
      Metric.of("policy_entropy_avg", "entropy", Unit.NONE).startingAtZero();

  /** Mean estimate of the KL from the reference per token. */
  public static final Metric KL = Metric.of("kl", "KL", Unit.NONE);

  /** Mean cross-entropy of the pretraining text that PPO-ptx mixes in. */
  public static final Metric LOSS_PRETRAINING =
      Metric.of("loss_pretraining_avg", "pretraining loss", Unit.NONE).offProgressLine();

  /** Mean value loss. */
  public static final Metric LOSS_VALUE =
      Metric.of("loss_value_avg", "value loss", Unit.NONE).offProgressLine();

  /** Share of tokens whose value loss was clipped. */
  public static final Metric VALUE_CLIP_FRACTION =
      Metric.of("val_clipfrac_avg", "values clipped", Unit.SHARE)
          .in("Clipped")
          .startingAtZero()
          .offProgressLine();
}
