/**
 * Checkpoints that exist completely or not at all, and the attempts that may write them. Everything
 * goes through Hadoop's {@code FileSystem}, and nothing relies on a rename being atomic. Depends on
 * {@code array}, {@code collective}, {@code data}, {@code files}, Jackson and Hadoop.
 */
package dev.firesteel.checkpoint;
