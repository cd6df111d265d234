/**
 * Models from one format to another: {@code export} and {@code import}.
 *
 * <p>Uses {@code backend}, {@code checkpoint}, {@code error}, {@code files}, {@code format.gguf},
 * {@code format.huggingface}, {@code format.safetensors}, {@code run}.
 */
package dev.firesteel.convert;
