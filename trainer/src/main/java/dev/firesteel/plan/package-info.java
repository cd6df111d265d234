/**
 * Estimates what a run needs before it starts: parameters, operations, memory, time. Nothing here
 * computes a model; {@link dev.firesteel.plan.RunPlan} is the result.
 *
 * <p>Uses {@code array}, {@code backend}, {@code backend.choice}, {@code config}, {@code error},
 * {@code model}, {@code nn}, {@code optim}, {@code tensor}.
 */
package dev.firesteel.plan;
