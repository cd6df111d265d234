/**
 * Pipelines: stages that are trained one after the other, what of them is done, the comparison of
 * their models on the same prompts, and one report on all. See {@code docs/pipeline.md}.
 *
 * <p>Uses {@code chart}, {@code checkpoint}, {@code checkpoint.state}, {@code config}, {@code
 * error}, {@code run}, {@code stage}, {@code train}.
 */
package dev.firesteel.pipeline;
