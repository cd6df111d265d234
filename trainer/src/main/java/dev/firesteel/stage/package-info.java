/**
 * The training stages: one {@link dev.firesteel.train.Objective} each, and the table that lists
 * them. See {@code docs/stages.md}.
 *
 * <p>Uses {@code array}, {@code backend}, {@code collective}, {@code config}, {@code data}, {@code
 * error}, {@code example}, {@code files}, {@code format.huggingface}, {@code generate}, {@code
 * loss}, {@code metrics}, {@code model}, {@code nn}, {@code plan}, {@code random}, {@code reward},
 * {@code rl}, {@code run}, {@code tensor}, {@code tokenizer}, {@code train}.
 */
package dev.firesteel.stage;
