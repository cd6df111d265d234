/**
 * Pipelines: stages that are trained one after the other, what of them is done, the comparison of
 * their models on the same prompts, and one report on all.
 *
 * <p>Uses {@code array}, {@code backend}, {@code chart}, {@code checkpoint}, {@code
 * checkpoint.state}, {@code config}, {@code error}, {@code example}, {@code generate}, {@code
 * metrics}, {@code model}, {@code run}, {@code stage}, {@code train}.
 */
package dev.firesteel.pipeline;
