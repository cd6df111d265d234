/**
 * Scores for completions in reinforcement learning: the interface that users implement ({@link
 * dev.firesteel.reward.RewardFunction}), weighted sums of classes and expressions ({@link
 * dev.firesteel.reward.Rewards}), and the reward functions that come with Firesteel. See {@code
 * docs/ppo.md}.
 *
 * <p>Uses {@code error}.
 */
package dev.firesteel.reward;
