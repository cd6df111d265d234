/**
 * Models from one format to another: {@code export} and {@code import}.
 *
 * <p>Uses {@code array}, {@code backend}, {@code checkpoint}, {@code config}, {@code error}, {@code
 * files}, {@code format.gguf}, {@code format.huggingface}, {@code format.llama2c}, {@code
 * format.safetensors}, {@code run}, {@code tokenizer}.
 */
package dev.firesteel.convert;
