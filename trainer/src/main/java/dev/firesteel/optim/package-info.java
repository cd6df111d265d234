/**
 * From gradients to new weights: accumulation over micro-batches, clipping, learning-rate schedules
 * and AdamW, all on flat segments. Depends on {@code nn} and {@code config}.
 */
package dev.firesteel.optim;
