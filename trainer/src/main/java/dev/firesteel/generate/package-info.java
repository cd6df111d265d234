/**
 * Text generation: sampling and beam search over a key-value cache, and rollouts for reinforcement
 * learning.
 *
 * <p>Uses {@code array}, {@code backend}, {@code config}, {@code error}, {@code model}, {@code nn},
 * {@code random}, {@code tensor}, {@code tokenizer}.
 */
package dev.firesteel.generate;
