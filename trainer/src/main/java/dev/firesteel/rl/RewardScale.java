package dev.firesteel.rl;

/** What GRPO divides the advantages of a group by (TRL's {@code scale_rewards}). */
public enum RewardScale {
  /** The standard deviation of the group's rewards: every prompt counts alike. */
  GROUP,
  /** The standard deviation of the whole batch's rewards (Liu et al. 2025, "Tricks or Traps?"). */
  BATCH,
  /** Nothing: a prompt whose rewards differ more counts more (Dr. GRPO). */
  NONE
}
