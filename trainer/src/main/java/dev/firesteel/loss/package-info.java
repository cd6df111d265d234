/**
 * Losses of alignment as functions of the host, in double: reward models ({@link
 * dev.firesteel.loss.RewardModelLoss}), preference optimization ({@link
 * dev.firesteel.loss.PreferenceLoss}, {@link dev.firesteel.loss.KtoLoss}) and reinforcement
 * learning ({@link dev.firesteel.loss.PolicyLoss}, {@link dev.firesteel.loss.ValueLoss}, {@link
 * dev.firesteel.loss.KlPenalty}, {@link dev.firesteel.loss.EntropyBonus}). Each maps
 * log-probabilities, values or rewards to a {@link dev.firesteel.loss.HostLoss}: a loss, its
 * gradient and named numbers.
 *
 * <p>Every loss is a weighted sum over elements divided by a given denominator, that of the whole
 * global batch. So the gradient of an element is the same in any micro-batch and on any rank, and
 * the losses and measures of parts add up to those of the whole.
 *
 * <p>All functions are of {@code StrictMath}: the same bits on any machine.
 *
 * <p>Uses {@code metrics}.
 */
package dev.firesteel.loss;
