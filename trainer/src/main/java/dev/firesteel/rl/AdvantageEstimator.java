package dev.firesteel.rl;

import java.util.Locale;

/** How advantages are estimated without a value model. */
public enum AdvantageEstimator {
  /**
   * {@code (R - mean of the group) / (deviation + epsilon)} on every action (Shao et al. 2024,
   * section 4.1.2).
   */
  GRPO(true, false, LossAverage.SEQUENCES),
  /**
   * {@code R - mean of the group}, with a constant denominator of the loss (Liu et al. 2025,
   * "Understanding R1-Zero-like training"): neither hard prompts nor short completions count more.
   */
  DR_GRPO(true, false, LossAverage.MAX_LENGTH),
  /** {@code R - mean of the others in the group} (Ahmadian et al. 2024, equation 9). */
  RLOO(true, false, LossAverage.TOKENS),
  /**
   * REINFORCE++ (Hu 2025): discounted rewards to go, with the KL penalty of each action, whitened
   * over the actions of the batch. Needs no group.
   */
  REINFORCE_PP(false, true, LossAverage.TOKENS),
  /** REINFORCE++ of {@code R - mean of the group}, as in OpenRLHF's {@code reinforce_baseline}. */
  REINFORCE_PP_BASELINE(true, true, LossAverage.TOKENS);

  private final boolean needsGroup;
  private final boolean whitens;
  private final LossAverage average;

  AdvantageEstimator(boolean needsGroup, boolean whitens, LossAverage average) {
    this.needsGroup = needsGroup;
    this.whitens = whitens;
    this.average = average;
  }

  /** Whether completions are compared with others of the same prompt. */
  public boolean needsGroup() {
    return needsGroup;
  }

  /** Whether the advantages of the batch are whitened afterwards; see {@link Whitening}. */
  public boolean whitens() {
    return whitens;
  }

  /** The mean that its loss is, unless configured otherwise. */
  public LossAverage average() {
    return average;
  }

  /** The name in a configuration. */
  public String key() {
    return name().toLowerCase(Locale.ROOT);
  }
}
