/**
 * Random walks: a task for reinforcement learning whose optimum is known exactly, by which the
 * stages are proved.
 *
 * <p>Uses {@code example}, {@code random}, {@code reward}, {@code tokenizer}.
 */
package dev.firesteel.walks;
