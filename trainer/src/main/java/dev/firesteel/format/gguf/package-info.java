/**
 * The GGUF file format, and models in it as llama.cpp has them.
 *
 * <p>Uses {@code array}, {@code backend}, {@code chat}, {@code config}, {@code error}, {@code
 * files}, {@code format.huggingface}, {@code format.safetensors}, {@code tokenizer}.
 */
package dev.firesteel.format.gguf;
