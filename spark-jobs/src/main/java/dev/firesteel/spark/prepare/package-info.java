/**
 * Text to token shards.
 *
 * <p>Uses {@code config}, {@code data}, {@code error}, {@code files}, {@code format.huggingface},
 * {@code spark.process}, {@code tales}, {@code tokenizer}, {@code train}.
 */
package dev.firesteel.spark.prepare;
