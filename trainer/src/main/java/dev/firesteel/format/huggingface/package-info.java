/**
 * What Hugging Face calls and stores: configurations, tensor names, model directories.
 *
 * <p>Uses {@code array}, {@code backend}, {@code chat}, {@code checkpoint}, {@code config}, {@code
 * error}, {@code files}, {@code format.safetensors}, {@code model}, {@code nn}, {@code tokenizer}.
 */
package dev.firesteel.format.huggingface;
