/**
 * What a run leaves on disk and goes on from: the run directory, checkpoints that exist wholly or
 * not at all, and the safetensors format. Everything goes through Hadoop's {@code FileSystem}, and
 * nothing relies on a rename being atomic. Needs {@code array}, {@code collective}, {@code data}
 * (its file helpers), Jackson and Hadoop.
 */
package dev.firesteel.checkpoint;
