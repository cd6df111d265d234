/**
 * The contents of a training checkpoint: models, moments, state.
 *
 * <p>Uses {@code array}, {@code chat}, {@code checkpoint}, {@code config}, {@code error}, {@code
 * files}, {@code format.huggingface}, {@code format.safetensors}, {@code model}, {@code nn}, {@code
 * optim}, {@code tokenizer}.
 */
package dev.firesteel.checkpoint.state;
