/**
 * Checkpoints that exist completely or not at all, and the attempts that may write them. Everything
 * goes through Hadoop's {@code FileSystem}, and nothing relies on a rename being atomic.
 *
 * <p>Uses {@code collective}, {@code error}, {@code files}, {@code format.safetensors}.
 */
package dev.firesteel.checkpoint;
