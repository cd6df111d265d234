/**
 * The mathematics of reinforcement learning from rewards, between a rollout and the losses of its
 * update: rewards of tokens ({@link dev.firesteel.rl.ScoreShaping}, {@link
 * dev.firesteel.rl.TokenRewards}, {@link dev.firesteel.rl.KlController}), advantages with a value
 * model ({@link dev.firesteel.rl.GeneralizedAdvantages}) and without one ({@link
 * dev.firesteel.rl.GroupAdvantages}), {@link dev.firesteel.rl.Whitening}, the mean that a loss is
 * ({@link dev.firesteel.rl.LossAverage}), and what is reported ({@link
 * dev.firesteel.rl.RolloutMeasures}). {@code docs/ppo.md} has every option with its formula,
 * default and source.
 *
 * <p>Functions of the host, in double and with {@code StrictMath}. Tokens of a batch are flat
 * arrays; {@link dev.firesteel.loss.TokenGroups} says which of them are actions, and of which
 * completion: prompts, padding and what follows the end are in no sum, no mean and no count.
 *
 * <p>What depends on the whole batch is a {@link dev.firesteel.rl.Distribution}, which combines
 * over completions and ranks in the tree's order, so that the bits do not depend on the number of
 * ranks.
 *
 * <p>Uses {@code collective}, {@code error}, {@code loss}, {@code metrics}.
 */
package dev.firesteel.rl;
