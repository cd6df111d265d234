/**
 * The training loop: steps, evaluation, exact resume, and progress reporting.
 *
 * <p>Uses {@code array}, {@code backend}, {@code chart}, {@code chat}, {@code checkpoint}, {@code
 * checkpoint.state}, {@code collective}, {@code config}, {@code data}, {@code error}, {@code
 * files}, {@code format.huggingface}, {@code loss}, {@code metrics}, {@code model}, {@code nn},
 * {@code optim}, {@code run}, {@code scaling}, {@code tensor}, {@code tokenizer}.
 */
package dev.firesteel.train;
