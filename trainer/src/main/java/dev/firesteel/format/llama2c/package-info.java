/**
 * Models of llama2.c.
 *
 * <p>Uses {@code array}, {@code backend}, {@code config}, {@code error}, {@code files}, {@code
 * format.huggingface}, {@code format.safetensors}, {@code tokenizer}.
 */
package dev.firesteel.format.llama2c;
