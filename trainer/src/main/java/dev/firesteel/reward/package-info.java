/**
 * Scores for completions in reinforcement learning: the interface that users implement, and the
 * reward functions that come with Firesteel. See {@code docs/ppo.md}.
 *
 * <p>Uses none.
 */
package dev.firesteel.reward;
