/**
 * From gradients to new weights: accumulation over micro-batches, clipping, learning-rate schedules
 * and optimizers, all on flat segments.
 *
 * <p>Uses {@code array}, {@code backend}, {@code collective}, {@code config}, {@code error}, {@code
 * nn}.
 */
package dev.firesteel.optim;
