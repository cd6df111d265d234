/**
 * What a run will need, before any work: parameters, operations, memory, time. Nothing here
 * computes a model; {@link dev.firesteel.plan.RunPlan} is the result. May use {@code config},
 * {@code model} and what they use.
 */
package dev.firesteel.plan;
