/**
 * Prepared text: token shards in Megatron's {@code .bin/.idx} format with a manifest, with random
 * access by memory mapping, in an order that is a function of the sample's number. Files are named
 * by Hadoop paths, so they may be on any of its file systems.
 *
 * <p>Uses {@code config}, {@code error}, {@code example}, {@code files}, {@code tensor}, {@code
 * tokenizer}.
 */
package dev.firesteel.data;
