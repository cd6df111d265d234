/**
 * Text to token shards.
 *
 * <p>Uses {@code chat}, {@code config}, {@code data}, {@code error}, {@code example}, {@code
 * files}, {@code format.huggingface}, {@code skills}, {@code spark.process}, {@code tales}, {@code
 * tokenizer}, {@code train}.
 */
package dev.firesteel.spark.prepare;
