/**
 * The GGUF file format, and models in it as llama.cpp has them.
 *
 * <p>Uses {@code array}, {@code backend}, {@code config}, {@code error}, {@code
 * format.huggingface}, {@code format.safetensors}, {@code tokenizer}.
 */
package dev.firesteel.format.gguf;
